/* Errors of the shared file system, for a bindfs that has this preloaded: as the first byte of the file that
 * LAB_FAULT names says, everything fails ('e', EIO), or what would write ('r', EROFS). Both end as they came: what is
 * open goes on then.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

static const volatile char *fault = "";

/* The mount itself must succeed: whoever starts bindfs writes the fault afterwards. */
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LAB_FAULT");
    int fd = path ? open(path, O_RDONLY) : -1;
    void *page = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (page == MAP_FAILED)
        _exit(1);
    close(fd);
    fault = page;
}

static int fails(int writes) {
    if (*fault == 'e')
        errno = EIO;
    else if (*fault == 'r' && writes)
        errno = EROFS;
    else
        return 0;
    return 1;
}

#define FAULTY(TYPE, NAME, WRITES, ERROR, PARAMETERS, CALL)                                                            \
    TYPE NAME PARAMETERS {                                                                                             \
        static TYPE(*real) PARAMETERS;                                                                                 \
        if (fails(WRITES))                                                                                             \
            return ERROR;                                                                                              \
        if (!real)                                                                                                     \
            real = (TYPE(*) PARAMETERS)dlsym(RTLD_NEXT, #NAME);                                                        \
        return real CALL;                                                                                              \
    }
#define READS(NAME, PARAMETERS, CALL) FAULTY(int, NAME, 0, -1, PARAMETERS, CALL)
#define WRITES(NAME, PARAMETERS, CALL) FAULTY(int, NAME, 1, -1, PARAMETERS, CALL)

struct stat64;
READS(lstat64, (const char *path, struct stat64 *status), (path, status))
READS(fstat64, (int fd, struct stat64 *status), (fd, status))
READS(lstat, (const char *path, struct stat *status), (path, status))
READS(fstat, (int fd, struct stat *status), (fd, status))
READS(__lxstat64, (int version, const char *path, struct stat64 *status), (version, path, status))
READS(__fxstat64, (int version, int fd, struct stat64 *status), (version, fd, status))
READS(access, (const char *path, int mode), (path, mode))
READS(statvfs64, (const char *path, struct statvfs64 *status), (path, status))
READS(fsync, (int fd), (fd))
FAULTY(DIR *, opendir, 0, NULL, (const char *path), (path))
FAULTY(ssize_t, readlink, 0, -1, (const char *path, char *target, size_t size), (path, target, size))
FAULTY(ssize_t, pread64, 0, -1, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))

FAULTY(ssize_t, pwrite64, 1, -1, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRITES(ftruncate64, (int fd, off64_t size), (fd, size))
WRITES(truncate64, (const char *path, off64_t size), (path, size))
WRITES(mkdir, (const char *path, mode_t mode), (path, mode))
WRITES(mkfifo, (const char *path, mode_t mode), (path, mode))
WRITES(unlink, (const char *path), (path))
WRITES(rmdir, (const char *path), (path))
WRITES(rename, (const char *from, const char *to), (from, to))
WRITES(link, (const char *from, const char *to), (from, to))
WRITES(symlink, (const char *target, const char *path), (target, path))
WRITES(chmod, (const char *path, mode_t mode), (path, mode))
WRITES(lchown, (const char *path, uid_t user, gid_t group), (path, user, group))
WRITES(utimensat, (int at, const char *path, const struct timespec times[2], int flags), (at, path, times, flags))

#define TO_WRITE ((flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != O_RDONLY)
#define OPENS(NAME)                                                                                                    \
    int NAME(const char *path, int flags, ...) {                                                                       \
        static int (*real)(const char *, int, ...);                                                                    \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        int mode = va_arg(arguments, int);                                                                             \
        va_end(arguments);                                                                                             \
        if (fails(TO_WRITE))                                                                                           \
            return -1;                                                                                                 \
        if (!real)                                                                                                     \
            real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME);                                           \
        return real(path, flags, mode);                                                                                \
    }
OPENS(open)
OPENS(open64)
FAULTY(int, __open64_2, TO_WRITE, -1, (const char *path, int flags), (path, flags))

/* /dev/watchdog for a program that has this preloaded: the devices are in the server's chassis (watchdog.py), which
 * listens on a socket. The descriptor that open() returns is a connection to it, so that what a write means, the last
 * close, a crash and a frozen process are what they are to the kernel. Each ioctl is a connection of its own.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET "/lab/power/watchdog"
#define DEVICE "/dev/watchdog"
#define MOST_FDS 1024

/* Which device is behind a descriptor, plus 1. One that was closed stays here until it is opened again: nothing else
 * has these ioctls. */
static int devices[MOST_FDS];

/* The device of a path; /dev/watchdog is the first one. -1: another path, or a node that is not there. */
static int device(const char *path) {
    const char *digits = path + strlen(DEVICE);
    if (strncmp(path, DEVICE, strlen(DEVICE)) != 0 || strspn(digits, "0123456789") != strlen(digits))
        return -1;
    return access(path, F_OK) == 0 ? atoi(digits) : -1;
}

/* Asks the chassis: its answer, and the connection it came on; -1 and errno if it refuses. */
static int ask(const char *question, char *answer, size_t size, int flags) {
    struct sockaddr_un address = {AF_UNIX, SOCKET};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0), 0);
    ssize_t length = -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, question, strlen(question), MSG_NOSIGNAL) >= 0)
        length = recv(fd, answer, size - 1, 0);
    answer[length > 0 ? length : 0] = '\0';
    if (length > 0 && strcmp(answer, "busy") != 0 && strcmp(answer, "none") != 0)
        return fd;
    close(fd);
    errno = strcmp(answer, "busy") == 0 ? EBUSY : ENODEV;
    return -1;
}

static int open_device(int number, int flags) {
    char question[32], answer[64];
    snprintf(question, sizeof question, "open %d", number);
    int fd = ask(question, answer, sizeof answer, flags);
    if (fd >= MOST_FDS) {
        close(fd);
        errno = EMFILE;
        return -1;
    }
    if (fd >= 0)
        devices[fd] = number + 1;
    return fd;
}

static int ioctl_device(int number, unsigned long request, void *argument) {
    const char *what;
    char question[64], answer[64];
    int value = 0;
    switch (request) {
    case WDIOC_GETSUPPORT: what = "identity"; break;
    case WDIOC_GETSTATUS:
    case WDIOC_GETBOOTSTATUS: *(int *)argument = 0; return 0;
    case WDIOC_SETOPTIONS: what = "options"; value = *(int *)argument; break;
    case WDIOC_KEEPALIVE: what = "keepalive"; break;
    case WDIOC_SETTIMEOUT: what = "settimeout"; value = *(int *)argument; break;
    case WDIOC_GETTIMEOUT: what = "timeout"; break;
    case WDIOC_GETTIMELEFT: what = "timeleft"; break;
    default: errno = ENOTTY; return -1;
    }
    snprintf(question, sizeof question, "%s %d %d", what, number, value);
    int fd = ask(question, answer, sizeof answer, O_CLOEXEC);
    if (fd < 0)
        return -1;
    close(fd);
    if (strcmp(answer, "invalid") == 0) {
        errno = EINVAL;
        return -1;
    }
    if (request == WDIOC_GETSUPPORT) {
        struct watchdog_info info = {WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING | WDIOF_MAGICCLOSE, 0, ""};
        memcpy(info.identity, answer, strnlen(answer, sizeof info.identity - 1));
        *(struct watchdog_info *)argument = info;
    } else if (request == WDIOC_SETTIMEOUT || request == WDIOC_GETTIMEOUT || request == WDIOC_GETTIMELEFT) {
        *(int *)argument = atoi(answer);
    }
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (fd >= 0 && fd < MOST_FDS && devices[fd] && _IOC_TYPE(request) == WATCHDOG_IOCTL_BASE)
        return ioctl_device(devices[fd] - 1, request, argument);
    if (!real)
        real = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}

/* All that glibc's headers make of open(): with and without large files, checked and not. */
#define OPEN(NAME, PARAMETERS, CALL, MODE)                                                                             \
    int NAME PARAMETERS {                                                                                              \
        static int(*real) PARAMETERS;                                                                                  \
        int number = device(path);                                                                                     \
        if (number >= 0)                                                                                               \
            return open_device(number, flags);                                                                         \
        if (!real)                                                                                                     \
            real = (int(*) PARAMETERS)dlsym(RTLD_NEXT, #NAME);                                                         \
        MODE                                                                                                           \
        return real CALL;                                                                                              \
    }
#define MODE_GIVEN                                                                                                     \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    int mode = va_arg(arguments, int);                                                                                 \
    va_end(arguments);

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), MODE_GIVEN)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), MODE_GIVEN)
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), MODE_GIVEN)
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), MODE_GIVEN)
OPEN(__open_2, (const char *path, int flags), (path, flags), )
OPEN(__open64_2, (const char *path, int flags), (path, flags), )
OPEN(__openat_2, (int at, const char *path, int flags), (at, path, flags), )
OPEN(__openat64_2, (int at, const char *path, int flags), (at, path, flags), )

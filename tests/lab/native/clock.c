/* A time of day that is wrong by so many seconds as /lab/power/clock says, for a program that has this preloaded; the
 * machine's stays as it is, and so do all clocks that only count. Who waits until a moment of his own time of day waits
 * until that of the machine. A wait that has begun does not see a jump.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OFFSET "/lab/power/clock"
/* Seconds: a moment before is one since the start of the machine, not a time of day. */
#define DAY_AND_AGE 1000000000

static const int64_t none;
static const volatile int64_t *offset = &none;

__attribute__((constructor)) static void begin(void) {
    int fd = open(OFFSET, O_RDONLY | O_CLOEXEC);
    void *page = fd >= 0 ? mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (page != MAP_FAILED)
        offset = page;
    if (fd >= 0)
        close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    *now = (struct timeval){found.tv_sec, found.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now)
        *now = found.tv_sec;
    return found.tv_sec;
}

static struct timespec of_the_machine(const struct timespec *until) {
    return (struct timespec){until->tv_sec - *offset, until->tv_nsec};
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    struct timespec moment = of_the_machine(until);
    return sem_clockwait(semaphore, CLOCK_REALTIME, &moment);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    if (until->tv_sec < DAY_AND_AGE)
        return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
    struct timespec moment = of_the_machine(until);
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &moment);
}

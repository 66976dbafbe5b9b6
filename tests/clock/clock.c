/* Lets one process see another time of day, for tests of a clock that is set: to be preloaded (LD_PRELOAD).
 *
 * PELTON_TEST_CLOCK names a file of one 64-bit number: by how many seconds the clock is ahead. It is mapped, so that it
 * holds as soon as it is written. What waits until a time of day waits for as long as it meant to.
 *
 * libfaketime can't do it: it allocates before the program's own allocator has begun, which asks for the time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PELTON_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    if (map != MAP_FAILED) ahead = map;
}

static int64_t seconds(clockid_t clock) {
    return ahead && clock == CLOCK_REALTIME ? *ahead : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed) time->tv_sec += seconds(clock);
    return failed;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*own)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!own) own = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec meant = *until;
    meant.tv_sec -= seconds(CLOCK_REALTIME);
    return own(condition, mutex, &meant);
}

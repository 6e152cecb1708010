/*
 * failmalloc/failmalloc.c - to be preloaded: makes the i-th allocation of a whole process fail
 *
 *     FAILMALLOC_AT=I        the I-th malloc, calloc, realloc, aligned_alloc or posix_memalign fails (from 1;
 * 0 or unset: none) FAILMALLOC_ON=1        all later ones fail, too FAILMALLOC_COUNT=FILE  at the end the
 * number of allocations and of blocks that were not freed are written there
 *
 * Only processes whose program is named in FAILMALLOC_PROGRAM count. For programs with one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void (*real_free)(void *);

static unsigned long calls, fail_at, blocks;
static int active, over, ready, fail_on;
static char count_file[4096];

/* dlsym may want memory before it can say where malloc is: it gets it from here, and never gives it back. */
static char early[8192];
static size_t early_used;

static void *early_bytes(size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (n > sizeof early - early_used)
        return NULL;
    void *p = early + early_used;
    early_used += n;
    return p;
}

static int is_early(const void *p)
{
    return (uintptr_t)p >= (uintptr_t)early && (uintptr_t)p < (uintptr_t)early + sizeof early;
}

static void find(const char *name, void *where)
{
    void *p = dlsym(RTLD_NEXT, name);
    memcpy(where, &p, sizeof p);
}

static void find_all(void)
{
    if (ready)
        return;
    find("malloc", &real_malloc);
    find("calloc", &real_calloc);
    find("realloc", &real_realloc);
    find("aligned_alloc", &real_aligned_alloc);
    find("posix_memalign", &real_posix_memalign);
    find("free", &real_free);
    ready = 1;
}

__attribute__((constructor)) static void begin(void)
{
    char self[4096];
    const char *wanted = getenv("FAILMALLOC_PROGRAM"), *at = getenv("FAILMALLOC_AT"),
               *to = getenv("FAILMALLOC_COUNT");
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    find_all();
    if (n <= 0 || wanted == NULL)
        return;
    self[n] = '\0';
    const char *slash = strrchr(self, '/');
    if (strcmp(slash == NULL ? self : slash + 1, wanted) != 0)
        return;
    if (to != NULL && strlen(to) < sizeof count_file)
        memcpy(count_file, to, strlen(to) + 1);
    fail_at = at == NULL ? 0 : strtoul(at, NULL, 10);
    fail_on = getenv("FAILMALLOC_ON") != NULL;
    calls = blocks = 0;
    active = 1;
}

/*
 * When main() has returned, no allocation fails any more: what measures a program (gcov) allocates then, and does not look whether it got
 * anything.
 */
static int (*real_main)(int, char **, char **);

static int main_and_over(int argc, char **argv, char **environment)
{
    int status = real_main(argc, argv, environment);
    over = 1;
    return status;
}

typedef int start_main(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                       void (*)(void), void *);
int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    start_main *start;
    find("__libc_start_main", &start);
    real_main = program;
    return start(main_and_over, argc, argv, init, fini, rtld_fini, stack_end);
}

static size_t digits(char *to, unsigned long n)
{
    char reversed[24];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + n % 10);
    } while ((n /= 10) != 0);
    for (size_t i = 0; i < len; i++)
        to[i] = reversed[len - 1 - i];
    return len;
}

__attribute__((destructor)) static void end(void)
{
    char line[64];
    if (!active || count_file[0] == '\0')
        return;
    size_t n = digits(line, calls);
    line[n++] = ' ';
    n += digits(line + n, blocks);
    line[n++] = '\n';
    int fd = open(count_file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, line, n) != (ssize_t)n || close(fd) != 0)
        _exit(99);
}

static int fails(void)
{
    if (!active || over)
        return 0;
    calls++;
    if (fail_at != 0 && (calls == fail_at || (fail_on && calls > fail_at))) {
        errno = ENOMEM;
        return 1;
    }
    return 0;
}

static void *got(void *p)
{
    if (p != NULL && active)
        blocks++;
    return p;
}

void *malloc(size_t n)
{
    if (!ready && real_malloc == NULL)
        return early_bytes(n);
    return fails() ? NULL : got(real_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    if (!ready && real_calloc == NULL)
        return size != 0 && n > sizeof early / size ? NULL : early_bytes(n * size); /* statics are zero */
    return fails() ? NULL : got(real_calloc(n, size));
}

void *realloc(void *old, size_t n)
{
    if (old == NULL)
        return malloc(n);
    if (is_early(old)) {
        void *p = malloc(n);
        size_t room = (size_t)(early + sizeof early - (char *)old);
        if (p != NULL)
            memcpy(p, old, n < room ? n : room);
        return p;
    }
    if (n == 0) {
        free(old);
        return NULL;
    }
    return fails() ? NULL : real_realloc(old, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    find_all();
    return fails() ? NULL : got(real_aligned_alloc(alignment, n));
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    find_all();
    if (fails())
        return ENOMEM;
    int status = real_posix_memalign(p, alignment, n);
    if (status == 0)
        got(*p);
    return status;
}

void free(void *p)
{
    if (p == NULL || is_early(p) || !ready)
        return;
    if (active && blocks > 0)
        blocks--;
    real_free(p);
}

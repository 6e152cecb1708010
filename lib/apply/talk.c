/* apply/talk.c - a dialogue over a socket: a descriptor, a deadline, steps that never wait. SPDX-License-Identifier: MIT */
#include "config.h"

#include "apply/dialogue.h"
#include "apply/save.h"

#include <khap/apply.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_TIMEOUT_MS = 10000, PIECES = 64 };

struct khap_talk {
    struct khap_save_options memory;
    struct khap_alloc alloc;
    struct khap_dialogue *dialogue;
    int64_t deadline;
    int fd;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The descriptor, or -1 with errno. A full backlog of a UNIX socket is EAGAIN: nobody answers there at the moment. */
static int open_socket(struct khap_str path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.len >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path.ptr, path.len);
    int low = socket(AF_UNIX, SOCK_STREAM, 0);
    if (low < 0)
        return -1;
    int fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
    (void)close(low);
    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

enum khap_status khap_talk_new(const struct khap_alloc *alloc, struct khap_str path,
                               struct khap_dialogue *dialogue, uint32_t timeout_ms, int32_t *error,
                               struct khap_talk **out)
{
    struct khap_talk empty = {.dialogue = dialogue};
    if (error != NULL)
        *error = 0;
    if (out == NULL)
        return KHAP_EINVAL;
    *out = NULL;
    if (dialogue == NULL || path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
        return KHAP_EINVAL;
    khap_save_options_init(&empty.memory);
    empty.memory.alloc = alloc;
    struct khap_talk *t = khap__save_resize(&empty.memory, NULL, 0, sizeof *t);
    if (t == NULL)
        return KHAP_ENOMEM;
    *t = empty;
    if (alloc != NULL) {
        t->alloc = *alloc;
        t->memory.alloc = &t->alloc;
    }
    t->deadline = now_ms() + (timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
    t->fd = open_socket(path);
    if (t->fd < 0) {
        if (error != NULL)
            *error = (int32_t)errno;
        khap_talk_free(t);
        return KHAP_EIO;
    }
    *out = t;
    return KHAP_OK;
}

void khap_talk_free(struct khap_talk *t)
{
    if (t == NULL)
        return;
    struct khap_save_options memory = t->memory;
    struct khap_alloc alloc = t->alloc;
    if (memory.alloc != NULL)
        memory.alloc = &alloc;
    if (t->fd >= 0)
        (void)close(t->fd);
    khap__save_resize(&memory, t, sizeof *t, 0);
}

void khap_talk_wants(const struct khap_talk *t, int32_t *fd, uint32_t *for_write, int32_t *timeout_ms)
{
    int64_t left = t->deadline - now_ms();
    *fd = t->fd;
    *for_write = khap_dialogue_output(t->dialogue).len > 0;
    *timeout_ms = left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int32_t)left;
}

static enum khap_status give_up(struct khap_talk *t, int32_t *error, int why)
{
    khap_dialogue_end(t->dialogue);
    if (error != NULL)
        *error = (int32_t)why;
    return KHAP_EIO;
}

static bool would_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum khap_status read_some(struct khap_talk *t, int32_t *error)
{
    char piece[16384];
    for (int i = 0; i < PIECES && khap_dialogue_state(t->dialogue) == KHAP_DIALOGUE_OPEN; i++) {
        ssize_t n = recv(t->fd, piece, sizeof piece, 0);
        if (n == 0) {
            khap_dialogue_end(t->dialogue);
            return KHAP_OK;
        }
        if (n < 0)
            return would_wait(errno) ? KHAP_OK : give_up(t, error, errno);
        enum khap_status status = khap_dialogue_feed(t->dialogue, (struct khap_str){piece, (size_t)n});
        if (status != KHAP_OK)
            return status;
    }
    return KHAP_OK;
}

enum khap_status khap_talk_step(struct khap_talk *t, int32_t *error)
{
    if (error != NULL)
        *error = 0;
    while (khap_dialogue_state(t->dialogue) == KHAP_DIALOGUE_OPEN) {
        struct khap_str out = khap_dialogue_output(t->dialogue);
        ssize_t n = out.len > 0 ? send(t->fd, out.ptr, out.len, MSG_NOSIGNAL) : 0;
        /* who does not read any more may have answered before */
        if (n <= 0)
            break;
        khap_dialogue_sent(t->dialogue, (size_t)n);
        if (khap__dialogue_all_sent(t->dialogue))
            (void)shutdown(t->fd, SHUT_WR);
    }
    enum khap_status status = read_some(t, error);
    if (status == KHAP_OK && khap_dialogue_state(t->dialogue) == KHAP_DIALOGUE_OPEN &&
        now_ms() >= t->deadline)
        return give_up(t, error, ETIMEDOUT);
    return status;
}

/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/probe.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PROBE_MS = 3000 };

void probe_end(struct probe *p)
{
    khap_talk_free(p->talk);
    khap_dialogue_free(p->dialogue);
    *p = (struct probe){0};
}

enum probe_result probe_start(struct probe *p, const char *master, const char *socket)
{
    const char *path = master != NULL ? master : socket,
               *command = master != NULL ? "show proc" : "show info";
    int32_t error = 0;
    *p = (struct probe){.master = master != NULL};
    if (path == NULL)
        return PROBE_DOWN;
    if (khap_dialogue_new(NULL, 0, 0, &p->dialogue) == KHAP_OK &&
        khap_dialogue_add(p->dialogue, (struct khap_str){command, strlen(command)}, (struct khap_str){0}) ==
            KHAP_OK &&
        khap_talk_new(NULL, (struct khap_str){path, strlen(path)}, p->dialogue, PROBE_MS, &error, &p->talk) ==
            KHAP_OK)
        return PROBE_AT_WORK;
    probe_end(p);
    return error == ENOENT || error == ECONNREFUSED ? PROBE_DOWN : PROBE_HANGS;
}

void probe_wants(const struct probe *p, struct pollfd *fd, int *timeout_ms)
{
    uint32_t for_write = 0;
    int32_t left = 0;
    khap_talk_wants(p->talk, &fd->fd, &for_write, &left);
    fd->events = (short)(POLLIN | (for_write ? POLLOUT : 0));
    *timeout_ms = left;
}

static unsigned number(const char **at, const char *end)
{
    unsigned n = 0;
    for (; *at < end && **at >= '0' && **at <= '9' && n < 100000000; (*at)++)
        n = n * 10 + (unsigned)(**at - '0');
    return n;
}

static void skip_word(const char **at, const char *end)
{
    while (*at < end && **at != ' ' && **at != '\t')
        (*at)++;
    while (*at < end && (**at == ' ' || **at == '\t'))
        (*at)++;
}

/* Lines of processes between `# workers`, `# old workers` and the next `#`: process, type, how many reloads it has seen. From 3.1 the one that serves
 * stands among the old ones after a reload that failed; it is the youngest of them. */
static bool read_processes(struct khap_str reply, struct probe_answer *answer)
{
    enum { OTHER, WORKERS, OLD } in = OTHER;
    bool master = false;
    unsigned youngest = 0, fewest = UINT_MAX;
    const char *at = reply.ptr, *last = reply.ptr + reply.len;
    while (at < last) {
        const char *end = memchr(at, '\n', (size_t)(last - at));
        if (end == NULL)
            end = last;
        size_t len = (size_t)(end - at);
        if (len > 0 && *at == '#') {
            in = len >= 9 && memcmp(at, "# workers", 9) == 0         ? WORKERS
                 : len >= 13 && memcmp(at, "# old workers", 13) == 0 ? OLD
                                                                     : OTHER;
            master |= in != OTHER;
        } else {
            unsigned pid = number(&at, end);
            if (pid > 0 && in == WORKERS && answer->worker == 0)
                answer->worker = pid;
            if (pid > 0 && in == OLD) {
                answer->old_workers++;
                skip_word(&at, end);
                skip_word(&at, end);
                unsigned reloads = number(&at, end);
                if (reloads < fewest) {
                    fewest = reloads;
                    youngest = pid;
                }
            }
        }
        at = end + (end < last);
    }
    if (answer->worker == 0 && youngest > 0) {
        answer->worker = youngest;
        answer->old_workers--;
    }
    return master && answer->worker > 0;
}

enum probe_result probe_step(struct probe *p, struct probe_answer *answer)
{
    struct khap_str reply;
    int32_t error = 0;
    *answer = (struct probe_answer){0};
    enum khap_status status = khap_talk_step(p->talk, &error);
    uint32_t state = khap_dialogue_state(p->dialogue);
    if (status == KHAP_OK && state == KHAP_DIALOGUE_OPEN)
        return PROBE_AT_WORK;
    enum probe_result result = PROBE_HANGS;
    if (state == KHAP_DIALOGUE_DONE && khap_dialogue_reply(p->dialogue, 0, NULL, &reply) == KHAP_OK &&
        (p->master ? read_processes(reply, answer) : reply.len > 4 && memcmp(reply.ptr, "Name", 4) == 0))
        result = PROBE_UP;
    else if (error == ENOENT || error == ECONNREFUSED)
        result = PROBE_DOWN;
    probe_end(p);
    return result;
}

/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/probe.h"
#include "khapgen/apply_processes.h"

#include <errno.h>
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

static bool read_processes(struct khap_str reply, struct probe_answer *answer)
{
    struct apply_processes p;
    bool told = apply_read_processes(reply, &p);
    *answer = (struct probe_answer){p.serving, (unsigned)p.old};
    return told && p.serving > 0;
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

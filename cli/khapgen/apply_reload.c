/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_processes.h"
#include "khapgen/apply_reload.h"
#include "khapgen/apply_table.h"

#include <errno.h>
#include <khap/apply.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RELOAD_MS = 60000, ASK_MS = 5000, STEP_MS = 50, SAID = 4096, WORDS = 64, WORD_ROOM = 32 };

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* ---- the master: it says what came of it, or which processes there are */

static bool list_workers(const char *master, struct apply_processes *p, int32_t *error)
{
    struct khap_str reply;
    *p = (struct apply_processes){0};
    if (!apply_ask(master, 0, "show proc", ASK_MS, &reply, error))
        return false;
    (void)apply_read_processes(reply, p);
    apply_drop(reply);
    return true;
}

static bool is_new(const struct apply_processes *now, const struct apply_processes *before)
{
    size_t old = 0;
    for (size_t i = 0; i < now->n; i++)
        for (size_t k = 0; k < before->n; k++)
            old += now->workers[i] == before->workers[k];
    return now->n > 0 && old == 0;
}

static bool by_master(const char *master, bool *answers, char why[WHY])
{
    struct apply_processes before, now;
    struct khap_str reply;
    int32_t error = 0;
    int64_t end = now_ms() + RELOAD_MS;
    *answers = list_workers(master, &before, &error);
    if (!*answers) {
        snprintf(why, WHY, "the master: %s",
                 error != 0 ? khap_apply_error_text(error) : "it does not tell its processes");
        return false;
    }
    error = 0;
    /* up to 2.6 the master closes at once and starts itself anew, so that no reply is no failure */
    if (apply_ask(master, 0, "reload", RELOAD_MS, &reply, &error) && reply.len > 0) {
        bool good = reply.len >= 9 && memcmp(reply.ptr, "Success=1", 9) == 0;
        if (!good)
            apply_say(why, "the master says ", reply);
        apply_drop(reply);
        if (!good)
            return false;
    } else {
        apply_drop(reply);
        if (error != 0 && error != ECONNRESET && error != EPIPE) {
            snprintf(why, WHY, "the master: %s", khap_apply_error_text(error));
            return false;
        }
    }
    do {
        bool told = list_workers(master, &now, &error);
        if (told && is_new(&now, &before))
            return true;
        if (told && now.reloads > before.reloads && now.failed > 0) {
            snprintf(why, WHY, "the new worker did not start");
            return false;
        }
        pause_ms(STEP_MS);
    } while (now_ms() < end);
    snprintf(why, WHY, "no new worker was started within %d seconds", RELOAD_MS / 1000);
    return false;
}

/* ---- a command: the process that answers is another one then */

/* 0: nobody answers, or does not tell. */
static int64_t process_of(const char *socket)
{
    char pid[WORD_ROOM];
    return apply_info(socket, "Pid:", ASK_MS, pid, sizeof pid) ? apply_number(word(pid)) : 0;
}

static bool by_command(const struct apply_reloader *r, bool *answers, char why[WHY])
{
    struct khap_run run = {.size = sizeof run, .timeout_ms = RELOAD_MS};
    struct khap_str words[WORDS];
    char said[SAID], what[WHY];
    size_t length = 0, n = 0;
    int64_t before = r->socket != NULL ? process_of(r->socket) : 0;
    *answers = r->socket == NULL || before != 0;
    if (!*answers) {
        snprintf(why, WHY, "%s: HAProxy does not answer", r->socket);
        return false;
    }
    for (; n < r->n_command && n < WORDS; n++)
        words[n] = word(r->command[n]);
    enum khap_status status = khap_run_command(words, r->n_command, said, sizeof said, &length, &run);
    if (status != KHAP_OK && run.error == 0) {
        snprintf(what, sizeof what, "%s ended with status %d: ", r->command[0], (int)run.exit_status);
        apply_say(why, what, (struct khap_str){said, length});
        return false;
    }
    /* what it prints above that does not matter */
    if (status != KHAP_OK && status != KHAP_ELIMIT) {
        snprintf(why, WHY, "%s: %s", r->command[0], khap_apply_error_text(run.error));
        return false;
    }
    for (int64_t end = now_ms() + RELOAD_MS; r->socket != NULL;) {
        int64_t now = process_of(r->socket);
        if (now != 0 && now != before)
            break;
        if (now_ms() >= end) {
            snprintf(why, WHY, "%s brought no new process within %d seconds", r->command[0],
                     RELOAD_MS / 1000);
            return false;
        }
        pause_ms(STEP_MS);
    }
    return true;
}

bool apply_can_reload(const struct apply_reloader *r)
{
    return r->n_command > 0 || r->master != NULL;
}

bool apply_reload(const struct apply_reloader *r, bool *answers, char why[WHY])
{
    *answers = false;
    if (r->n_command > 0)
        return by_command(r, answers, why);
    if (r->master != NULL)
        return by_master(r->master, answers, why);
    snprintf(why, WHY, "nothing is said of how it is reloaded");
    return false;
}

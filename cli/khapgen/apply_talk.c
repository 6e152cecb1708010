/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_talk.h"
#include "khapgen/input.h"
#include "khapgen/yaml_scalar.h"

#include <errno.h>
#include <khap/apply.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TALK_MS = 30000, RELOAD_MS = 60000, SETTLE_MS = 3000, STEP_MS = 50, MANY = 1024 };

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

/* A text of HAProxy's in one line for people. */
static void say(char why[WHY], const char *what, struct khap_str text)
{
    size_t n = (size_t)snprintf(why, WHY, "%s", what);
    for (size_t i = 0; i < text.len && n + 1 < WHY; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n')
            break;
        why[n++] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    if (n < WHY)
        why[n] = '\0';
}

static bool converse(const char *path, struct khap_dialogue *d, uint32_t timeout_ms, int32_t *error)
{
    struct khap_talk *talk = NULL;
    enum khap_status status = khap_talk_new(NULL, word(path), d, timeout_ms, error, &talk);
    while (status == KHAP_OK && khap_dialogue_state(d) == KHAP_DIALOGUE_OPEN) {
        struct pollfd p = {.events = POLLIN};
        uint32_t for_write;
        int32_t left;
        khap_talk_wants(talk, &p.fd, &for_write, &left);
        if (for_write)
            p.events |= POLLOUT;
        (void)poll(&p, 1, left);
        status = khap_talk_step(talk, error);
    }
    khap_talk_free(talk);
    return status == KHAP_OK && khap_dialogue_state(d) == KHAP_DIALOGUE_DONE;
}

/* The reply to one command, which is malloc'ed; false when there is none. */
static bool ask(const char *path, uint32_t flags, const char *command, uint32_t timeout_ms,
                struct khap_str *reply, int32_t *error)
{
    struct khap_dialogue *d = NULL;
    struct khap_str text;
    char *copy = NULL;
    *reply = (struct khap_str){0};
    if (khap_dialogue_new(NULL, flags, 0, &d) == KHAP_OK &&
        khap_dialogue_add(d, word(command), WORD("")) == KHAP_OK && converse(path, d, timeout_ms, error) &&
        khap_dialogue_reply(d, 0, NULL, &text) == KHAP_OK && (copy = malloc(text.len + 1)) != NULL) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        *reply = (struct khap_str){copy, text.len};
    }
    khap_dialogue_free(d);
    return copy != NULL;
}

static void drop(struct khap_str text)
{
    free((char *)(uintptr_t)text.ptr);
}

/* ---- words and lines */

static struct khap_str next_word(struct khap_str *rest)
{
    while (rest->len > 0 && *rest->ptr == ' ') {
        rest->ptr++;
        rest->len--;
    }
    struct khap_str w = {rest->ptr, 0};
    while (rest->len > 0 && *rest->ptr != ' ') {
        rest->ptr++;
        rest->len--;
        w.len++;
    }
    return w;
}

static bool same(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- what the process has */

/* Columns of `show servers state`, of its version 1. */
enum {
    COLUMN_BACKEND = 1,
    COLUMN_SERVER = 3,
    COLUMN_ADDRESS = 4,
    COLUMN_ADMIN = 6,
    COLUMN_WEIGHT = 7,
    COLUMN_PORT = 18,
    COLUMNS
};

static bool find_server(struct khap_str states, struct khap_str name, struct khap_str columns[COLUMNS])
{
    struct khap_str line;
    while (scalar_next_line(&states, &line)) {
        size_t n = 0;
        while (n < COLUMNS && line.len > 0)
            columns[n++] = next_word(&line);
        struct khap_str backend = columns[COLUMN_BACKEND], server = columns[COLUMN_SERVER];
        if (n == COLUMNS && name.len == backend.len + server.len + 1 && name.ptr[backend.len] == '/' &&
            memcmp(name.ptr, backend.ptr, backend.len) == 0 &&
            memcmp(name.ptr + backend.len + 1, server.ptr, server.len) == 0)
            return true;
    }
    return false;
}

static bool has_entry(struct khap_str entries, struct khap_str key, struct khap_str value, bool any_value)
{
    struct khap_str line;
    while (scalar_next_line(&entries, &line)) {
        (void)next_word(&line);
        struct khap_str of = next_word(&line);
        if (line.len > 0) { /* one blank stands before the value */
            line.ptr++;
            line.len--;
        }
        if (same(of, key) && (any_value || same(line, value)))
            return true;
    }
    return false;
}

static bool is_in_maintenance(struct khap_str admin)
{
    return admin.len > 0 && ((unsigned char)admin.ptr[admin.len - 1] & 1) != 0;
}

/* Whether a server is what a command said; true for what cannot be asked. */
static bool server_is(struct khap_str states, struct khap_str verb, struct khap_str rest)
{
    struct khap_str columns[COLUMNS] = {{0}}, name = next_word(&rest), what = next_word(&rest),
                    value = next_word(&rest);
    bool there = find_server(states, name, columns);
    if (same(verb, WORD("del")))
        return !there;
    if (!there || same(verb, WORD("add")))
        return there;
    if (same(what, WORD("weight")))
        return same(columns[COLUMN_WEIGHT], value);
    if (same(what, WORD("state")))
        return is_in_maintenance(columns[COLUMN_ADMIN]) == same(value, WORD("maint"));
    if (same(what, WORD("addr"))) {
        (void)next_word(&rest);
        struct khap_str port = next_word(&rest);
        /* addresses of IPv6 have several spellings */
        bool v6 = value.len > 0 && memchr(value.ptr, ':', value.len) != NULL;
        return (v6 || same(columns[COLUMN_ADDRESS], value)) &&
               (port.len == 0 || same(columns[COLUMN_PORT], port));
    }
    return true;
}

/* What was asked last, since commands for one file follow each other. */
struct seen {
    const char *socket;
    char name[MANY];
    struct khap_str text;
};

static bool look(struct seen *s, const char *command)
{
    int32_t error;
    if (s->text.ptr != NULL && strcmp(s->name, command) == 0)
        return true;
    drop(s->text);
    snprintf(s->name, sizeof s->name, "%s", command);
    return ask(s->socket, KHAP_DIALOGUE_PROMPT, command, TALK_MS, &s->text, &error);
}

static bool entry_is(struct seen *s, struct khap_str verb, struct khap_str kind, struct khap_str rest)
{
    char command[MANY];
    struct khap_str file = next_word(&rest), key = next_word(&rest), value = next_word(&rest);
    int n =
        snprintf(command, sizeof command, "show %.*s %.*s", (int)kind.len, kind.ptr, (int)file.len, file.ptr);
    if (n >= (int)sizeof command || !look(s, command))
        return false;
    bool removed = same(verb, WORD("del"));
    return has_entry(s->text, key, value, removed || same(kind, WORD("acl"))) != removed;
}

/* A server that a later command removes is not there any more. */
static bool is_removed_later(const struct khap_diff *diff, size_t at, struct khap_str server)
{
    struct khap_command c = {.size = sizeof c};
    for (size_t i = at + 1; i < at + 4 && khap_diff_command_at(diff, i, &c) == KHAP_OK; i++) {
        struct khap_str rest = c.text, verb = next_word(&rest), kind = next_word(&rest);
        if (same(verb, WORD("del")) && same(kind, WORD("server")) && same(next_word(&rest), server))
            return true;
    }
    return false;
}

static bool has_all(const char *socket, const struct khap_diff *diff, char why[WHY])
{
    struct seen states = {.socket = socket}, entries = {.socket = socket};
    struct khap_command c = {.size = sizeof c};
    bool good = true;
    for (size_t i = 0; good && khap_diff_command_at(diff, i, &c) == KHAP_OK; i++) {
        struct khap_str rest = c.text, verb = next_word(&rest), kind = next_word(&rest), after = rest;
        if (same(kind, WORD("server")))
            good = look(&states, "show servers state") &&
                   ((!same(verb, WORD("del")) && is_removed_later(diff, i, next_word(&after))) ||
                    server_is(states.text, verb, rest));
        else if (same(kind, WORD("map")) || same(kind, WORD("acl")))
            good = entry_is(&entries, verb, kind, rest);
        if (!good)
            say(why, "it does not have what was told: ", c.text);
    }
    drop(states.text);
    drop(entries.text);
    return good;
}

/* ---- the plan */

static bool payload_of(const struct khap_bundle *bundle, const char *directory, struct khap_str path,
                       struct text *out)
{
    enum { LARGEST = 1 << 24 };
    const struct khap_bundle_file *file = khap_bundle_find(bundle, path);
    const struct khap_sink sink = {out, text_sink};
    char name[4096];
    struct khap_str text;
    if (file != NULL)
        return khap_bundle_file_print(file, &sink) == KHAP_OK && !out->failed;
    bool absolute = path.len > 0 && path.ptr[0] == '/';
    int n = snprintf(name, sizeof name, "%s%s%.*s", absolute ? "" : directory, absolute ? "" : "/",
                     (int)path.len, path.ptr);
    if (n < 0 || n >= (int)sizeof name || input_read(name, LARGEST, &text) != INPUT_READ)
        return false;
    text_add(out, text);
    drop(text);
    return !out->failed;
}

static bool add_all(struct khap_dialogue *d, const struct khap_diff *diff, const struct khap_bundle *bundle,
                    const char *directory, char why[WHY])
{
    struct khap_command c = {.size = sizeof c};
    for (size_t i = 0; khap_diff_command_at(diff, i, &c) == KHAP_OK; i++) {
        struct text payload = {0};
        bool good = c.payload.len == 0 || payload_of(bundle, directory, c.payload, &payload);
        good = good && khap_dialogue_add(d, c.text, text_str(&payload)) == KHAP_OK;
        free(payload.ptr);
        if (!good) {
            say(why, "this cannot be sent: ", c.text);
            return false;
        }
    }
    return true;
}

static bool all_succeeded(const struct khap_dialogue *d, char why[WHY])
{
    struct khap_str command, reply;
    for (size_t i = 0; khap_dialogue_reply(d, i, &command, &reply) == KHAP_OK; i++) {
        if (khap_reply_is_success(command, reply))
            continue;
        char what[WHY];
        say(what, "", command);
        snprintf(what + (strlen(what) > 100 ? 100 : strlen(what)), 20, ": it says ");
        say(why, what, reply);
        return false;
    }
    return true;
}

bool apply_at_run_time(const char *socket, const struct khap_diff *diff, const struct khap_bundle *bundle,
                       const char *directory, char why[WHY])
{
    struct khap_dialogue *d = NULL;
    int32_t error = 0;
    bool good = khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, 0, &d) == KHAP_OK;
    snprintf(why, WHY, "no memory");
    good = good && add_all(d, diff, bundle, directory, why);
    if (good && !converse(socket, d, TALK_MS, &error)) {
        snprintf(why, WHY, "the runtime API: %s",
                 error != 0 ? khap_apply_error_text(error) : "the connection ended before the last reply");
        good = false;
    }
    good = good && all_succeeded(d, why);
    khap_dialogue_free(d);
    if (!good)
        return false;
    /* some of it shows a moment later */
    for (int64_t end = now_ms() + SETTLE_MS; !(good = has_all(socket, diff, why)) && now_ms() < end;)
        pause_ms(STEP_MS);
    return good;
}

/* ---- reload */

struct workers {
    uint32_t pids[MANY];
    size_t n;
};

/* The workers of now: a line each between `# workers` and the next `#`. */
static bool list_workers(const char *master, struct workers *w, int32_t *error)
{
    struct khap_str reply, line;
    bool in = false;
    w->n = 0;
    if (!ask(master, 0, "show proc", STEP_MS * 100, &reply, error))
        return false;
    struct khap_str rest = reply;
    while (scalar_next_line(&rest, &line)) {
        if (line.len > 0 && *line.ptr == '#')
            in = same(line, WORD("# workers"));
        else if (in && w->n < MANY) {
            struct khap_str pid = next_word(&line), type = next_word(&line);
            uint32_t n = 0;
            for (size_t i = 0; i < pid.len && pid.ptr[i] >= '0' && pid.ptr[i] <= '9' && n < UINT32_MAX / 16;
                 i++)
                n = n * 10 + (uint32_t)(pid.ptr[i] - '0');
            if (n > 0 && same(type, WORD("worker")))
                w->pids[w->n++] = n;
        }
    }
    drop(reply);
    return true;
}

static bool is_new(const struct workers *now, const struct workers *before)
{
    size_t old = 0;
    for (size_t i = 0; i < now->n; i++)
        for (size_t k = 0; k < before->n; k++)
            old += now->pids[i] == before->pids[k];
    return now->n > 0 && old == 0;
}

bool apply_reload(const char *master, bool *answers, char why[WHY])
{
    struct workers before, now;
    struct khap_str reply;
    int32_t error = 0;
    int64_t end = now_ms() + RELOAD_MS;
    *answers = list_workers(master, &before, &error);
    if (!*answers) {
        snprintf(why, WHY, "the master: %s",
                 error != 0 ? khap_apply_error_text(error) : "it does not tell its processes");
        return false;
    }
    /* up to 2.6 the master closes at once and starts itself anew, so that no reply is no failure */
    if (ask(master, 0, "reload", RELOAD_MS, &reply, &error) && reply.len > 0) {
        bool good = reply.len >= 9 && memcmp(reply.ptr, "Success=1", 9) == 0;
        if (!good)
            say(why, "the master says ", reply);
        drop(reply);
        if (!good)
            return false;
    } else {
        drop(reply);
    }
    do {
        if (list_workers(master, &now, &error) && is_new(&now, &before))
            return true;
        pause_ms(STEP_MS);
    } while (now_ms() < end);
    snprintf(why, WHY, "no new worker was started within %d seconds", RELOAD_MS / 1000);
    return false;
}

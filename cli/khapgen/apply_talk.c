/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_leaving.h"
#include "khapgen/apply_talk.h"
#include "khapgen/apply_table.h"
#include "khapgen/apply_verify.h"
#include "khapgen/input.h"
#include "khapgen/yaml_scalar.h"

#include <errno.h>
#include <khap/apply.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TALK_MS = 30000, REMOVE_MS = 5000, CUT_MS = 1000, SETTLE_MS = 3000, STEP_MS = 50 };

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

void apply_say(char why[WHY], const char *what, struct khap_str text)
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

/* Ends early when `good` says so of a reply; NULL: all are waited for. True when all came. */
static bool converse(const char *path, struct khap_dialogue *d, uint32_t timeout_ms, int32_t *error,
                     int (*good)(struct khap_str command, struct khap_str reply))
{
    struct khap_str command, reply;
    size_t heard = 0;
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
        while (status == KHAP_OK && good != NULL &&
               khap_dialogue_reply(d, heard, &command, &reply) == KHAP_OK) {
            if (!good(command, reply))
                status = KHAP_EREFUSED;
            heard++;
        }
    }
    khap_talk_free(talk);
    return status == KHAP_OK && khap_dialogue_state(d) == KHAP_DIALOGUE_DONE;
}

bool apply_ask(const char *path, uint32_t flags, const char *command, uint32_t timeout_ms,
               struct khap_str *reply, int32_t *error)
{
    struct khap_dialogue *d = NULL;
    struct khap_str text;
    char *copy = NULL;
    *reply = (struct khap_str){0};
    if (khap_dialogue_new(NULL, flags, 0, &d) == KHAP_OK &&
        khap_dialogue_add(d, word(command), WORD("")) == KHAP_OK &&
        converse(path, d, timeout_ms, error, NULL) && khap_dialogue_reply(d, 0, NULL, &text) == KHAP_OK &&
        (copy = malloc(text.len + 1)) != NULL) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        *reply = (struct khap_str){copy, text.len};
    }
    khap_dialogue_free(d);
    return copy != NULL;
}

void apply_drop(struct khap_str text)
{
    free((char *)(uintptr_t)text.ptr);
}

bool apply_info(const char *socket, const char *name, uint32_t timeout_ms, char *value, size_t room)
{
    struct khap_str reply, line;
    int32_t error = 0;
    bool found = false;
    if (!apply_ask(socket, KHAP_DIALOGUE_PROMPT, "show info", timeout_ms, &reply, &error))
        return false;
    for (struct khap_str rest = reply; !found && scalar_next_line(&rest, &line);) {
        found = apply_same(apply_next_word(&line), word(name));
        if (found) {
            struct khap_str first = apply_next_word(&line);
            snprintf(value, room, "%.*s", (int)(first.len < room ? first.len : room), first.ptr);
        }
    }
    apply_drop(reply);
    return found;
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
    apply_drop(text);
    return !out->failed;
}

/* The versions of maps that were prepared, by the name of the map. */
struct version {
    struct khap_str map, number;
};

struct sending {
    const char *socket, *directory;
    const struct khap_diff *diff;
    const struct khap_bundle *bundle;
    struct version *versions;
    size_t n_versions, bufsize;
    const struct apply_leaving *leaving;
    char *why;
};

enum kind { KIND_PREPARE, KIND_OTHER, KIND_WAIT, KIND_REPEAT };

static enum kind kind_of(const struct khap_command *c)
{
    struct khap_str rest = c->text, verb = apply_next_word(&rest);
    return apply_same(verb, WORD("prepare")) ? KIND_PREPARE
           : apply_same(verb, WORD("wait"))  ? KIND_WAIT
           : c->repeat != 0                  ? KIND_REPEAT
                                             : KIND_OTHER;
}

/* A command as it is sent: with the number of a version. */
static bool sent_as(const struct sending *s, struct khap_str text, struct text *out)
{
    static const char version[] = "@version ";
    enum { LENGTH = sizeof version - 1 };
    for (size_t i = 0; i + LENGTH < text.len; i++) {
        struct khap_str map = {text.ptr + i + LENGTH, text.len - i - LENGTH};
        if (memcmp(text.ptr + i, version, LENGTH) != 0)
            continue;
        for (size_t v = 0; v < s->n_versions; v++)
            if (apply_same(s->versions[v].map, map)) {
                text_add(out, (struct khap_str){text.ptr, i + 1});
                text_add(out, s->versions[v].number);
                text_add(out, (struct khap_str){text.ptr + i + LENGTH - 1, map.len + 1});
                return !out->failed;
            }
        return false;
    }
    text_add(out, text);
    return !out->failed;
}

static bool add_one(const struct sending *s, struct khap_dialogue *d, const struct khap_command *c)
{
    struct text payload = {0}, command = {0};
    bool good = c->payload.len == 0 || payload_of(s->bundle, s->directory, c->payload, &payload);
    good = good && sent_as(s, c->text, &command) &&
           khap_dialogue_add(d, text_str(&command), c->content.len > 0 ? c->content : text_str(&payload)) ==
               KHAP_OK;
    free(payload.ptr);
    free(command.ptr);
    if (!good)
        apply_say(s->why, "this cannot be sent: ", c->text);
    return good;
}

static bool not_done(const struct sending *s, struct khap_str command, struct khap_str reply)
{
    char what[WHY];
    apply_say(what, "", command);
    snprintf(what + (strlen(what) > 100 ? 100 : strlen(what)), 20, ": it says ");
    apply_say(s->why, what, reply);
    return false;
}

/* What is not done ends it: the commands behind it are not sent then, as far as that is up to us. */
static bool talk(const struct sending *s, struct khap_dialogue *d,
                 int (*good)(struct khap_str command, struct khap_str reply))
{
    struct khap_str command, reply;
    int32_t error = 0;
    if (converse(s->socket, d, TALK_MS, &error, good))
        return true;
    for (size_t i = 0; good != NULL && khap_dialogue_reply(d, i, &command, &reply) == KHAP_OK; i++)
        if (!good(command, reply))
            return not_done(s, command, reply);
    snprintf(s->why, WHY, "the runtime API: %s",
             error != 0 ? khap_apply_error_text(error) : "the connection ended before the last reply");
    return false;
}

/* Of `prepare map FILE` the file; of its reply, `New version created: 5`, the number. */
static bool note_version(struct sending *s, struct khap_str command, struct khap_str reply)
{
    struct version *v = realloc(s->versions, (s->n_versions + 1) * sizeof *v);
    struct khap_str map, number = reply;
    if (v == NULL)
        return false;
    s->versions = v;
    (void)apply_next_word(&command);
    (void)apply_next_word(&command);
    map = apply_next_word(&command);
    while (number.len > 0 && (*number.ptr < '0' || *number.ptr > '9')) {
        number.ptr++;
        number.len--;
    }
    char *room = malloc(map.len + number.len + 1);
    if (room == NULL)
        return false;
    memcpy(room, map.ptr, map.len);
    memcpy(room + map.len, number.ptr, number.len);
    s->versions[s->n_versions++] = (struct version){{room, map.len}, {room + map.len, number.len}};
    return number.len > 0;
}

/* All commands of one kind, in one dialogue. */
static bool send_kind(struct sending *s, size_t *next, enum kind kind)
{
    struct khap_command c = {.size = sizeof c};
    struct khap_dialogue *d = NULL;
    struct khap_str command, reply;
    bool good = khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, s->bufsize, &d) == KHAP_OK;
    for (; good && khap_diff_command_at(s->diff, *next, &c) == KHAP_OK && kind_of(&c) == kind; ++*next)
        good = add_one(s, d, &c);
    good = good && talk(s, d, khap_reply_is_success);
    for (size_t i = 0; good && kind == KIND_PREPARE && khap_dialogue_reply(d, i, &command, &reply) == KHAP_OK;
         i++)
        good = note_version(s, command, reply);
    khap_dialogue_free(d);
    return good;
}

/* What does not come about shows in what is sent next; all of it together is given the time of one. */
static bool send_waits(struct sending *s, size_t *next)
{
    struct khap_command c = {.size = sizeof c};
    int64_t end = now_ms() + REMOVE_MS;
    bool good = true;
    for (; good && khap_diff_command_at(s->diff, *next, &c) == KHAP_OK && kind_of(&c) == KIND_WAIT; ++*next) {
        struct khap_dialogue *d = NULL;
        if (now_ms() >= end)
            continue;
        good = khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, s->bufsize, &d) == KHAP_OK &&
               add_one(s, d, &c) && talk(s, d, NULL);
        khap_dialogue_free(d);
    }
    return good;
}

/* `del server B/S` was refused: `shutdown sessions server B/S`. */
static bool cut(struct sending *s, struct khap_str command)
{
    char text[WHY];
    struct khap_dialogue *d = NULL;
    (void)apply_next_word(&command);
    (void)apply_next_word(&command);
    struct khap_str server = apply_next_word(&command);
    if (!apply_leaving_had_time(s->leaving, server))
        return true;
    int n = snprintf(text, sizeof text, "shutdown sessions server %.*s", (int)server.len, server.ptr);
    bool good = n > 0 && n < WHY &&
                khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, s->bufsize, &d) == KHAP_OK &&
                khap_dialogue_add(d, word(text), WORD("")) == KHAP_OK && talk(s, d, NULL);
    khap_dialogue_free(d);
    return good;
}

/* A backend is refused for many reasons that pass: servers that go, connections. */
static bool is_busy(struct khap_str command, struct khap_str reply)
{
    static const char busy[] = "Server still has connections attached to it, cannot remove it.";
    (void)apply_next_word(&command);
    return apply_same(reply, word(busy)) || apply_same(apply_next_word(&command), WORD("backend"));
}

/* Those that are refused as long as there are connections, until none is or time is up. */
static bool send_repeated(struct sending *s, size_t *next)
{
    int64_t end = now_ms() + REMOVE_MS;
    bool cuts = s->leaving != NULL;
    size_t first = *next, n = 0, left = 0;
    struct khap_command c = {.size = sizeof c};
    while (khap_diff_command_at(s->diff, first + n, &c) == KHAP_OK && kind_of(&c) == KIND_REPEAT)
        n++;
    bool *done = calloc(n + 1, sizeof *done), good = done != NULL;
    do {
        struct khap_dialogue *d = NULL;
        struct khap_str command, reply;
        size_t at = 0;
        if (left > 0)
            pause_ms(STEP_MS);
        left = 0;
        good = good && khap_dialogue_new(NULL, KHAP_DIALOGUE_PROMPT, s->bufsize, &d) == KHAP_OK;
        for (size_t i = 0; good && i < n; i++)
            good = done[i] || (khap_diff_command_at(s->diff, first + i, &c) == KHAP_OK && add_one(s, d, &c));
        good = good && talk(s, d, NULL);
        for (size_t i = 0; good && i < n; i++) {
            if (done[i])
                continue;
            good = khap_dialogue_reply(d, at++, &command, &reply) == KHAP_OK;
            done[i] = good && khap_reply_is_success(command, reply);
            if (good && !done[i] && (!is_busy(command, reply) || now_ms() >= end))
                good = not_done(s, command, reply);
            left += !done[i];
        }
        khap_dialogue_free(d);
        if (good && left > 0 && cuts && now_ms() + CUT_MS >= end) {
            for (size_t i = 0; good && i < n; i++)
                good = done[i] || (khap_diff_command_at(s->diff, first + i, &c) == KHAP_OK && cut(s, c.text));
            cuts = false;
            end = now_ms() + REMOVE_MS;
        }
    } while (good && left > 0);
    free(done);
    *next += n;
    return good;
}

bool apply_at_run_time(const char *socket, const struct khap_diff *diff, const struct khap_bundle *bundle,
                       const char *directory, const struct apply_leaving *leaving, char why[WHY])
{
    struct sending s = {.socket = socket,
                        .directory = directory,
                        .diff = diff,
                        .bundle = bundle,
                        .why = why,
                        .leaving = leaving,
                        .bufsize = khap_diff_bufsize(diff)};
    struct khap_command c = {.size = sizeof c};
    bool good = true;
    snprintf(why, WHY, "no memory");
    for (size_t next = 0; good && khap_diff_command_at(diff, next, &c) == KHAP_OK;)
        good = kind_of(&c) == KIND_REPEAT ? send_repeated(&s, &next)
               : kind_of(&c) == KIND_WAIT ? send_waits(&s, &next)
                                          : send_kind(&s, &next, kind_of(&c));
    for (size_t i = 0; i < s.n_versions; i++)
        free((char *)(uintptr_t)s.versions[i].map.ptr);
    free(s.versions);
    if (!good)
        return false;
    /* some of it shows a moment later */
    for (int64_t end = now_ms() + SETTLE_MS; !(good = apply_has(socket, diff, why)) && now_ms() < end;)
        pause_ms(STEP_MS);
    return good;
}

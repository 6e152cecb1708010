/* apply/dialogue.c - the dialogue with HAProxy's command line as bytes: no descriptor, no clock. SPDX-License-Identifier: MIT */
#include "config.h"

#include "apply/dialogue.h"
#include "apply/save.h"

#include <khap/apply.h>
#include <string.h>

enum { DEFAULT_BUFSIZE = 16384, RESERVE = 1024, LARGEST_REPLY = 256 << 20 };

struct bytes {
    char *ptr;
    size_t len, cap;
};

struct command {
    size_t line, line_len; /* in `out`: all that is sent for it */
    size_t words_len;      /* of the line: the command without payload */
    size_t reply, reply_len;
    bool payload;
};

struct khap_dialogue {
    struct khap_save_options memory; /* its allocator */
    struct khap_alloc alloc;
    size_t limit;
    struct bytes out, in;
    struct command *commands;
    size_t n, cap;
    size_t sent, answered; /* bytes of `out`; commands */
    size_t reply;          /* in `in`: where the reply begins that is being read */
    size_t searched;       /* in `in`: no prompt ends before */
    bool prompt, ended, failed;
};

static const char prompt_end[] = "\n> ";
enum { PROMPT = sizeof prompt_end - 1 };

static bool grow(const struct khap_dialogue *d, struct bytes *b, size_t more)
{
    if (more <= b->cap - b->len)
        return true;
    if (more > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
        return false;
    size_t cap = (b->len + more) * 2;
    char *p = khap__save_resize(&d->memory, b->ptr, b->cap, cap);
    if (p == NULL)
        return false;
    b->ptr = p;
    b->cap = cap;
    return true;
}

static void put(struct bytes *b, const char *ptr, size_t len)
{
    if (len > 0)
        memcpy(b->ptr + b->len, ptr, len);
    b->len += len;
}

static bool has(struct khap_str text, char c)
{
    return text.len > 0 && memchr(text.ptr, c, text.len) != NULL;
}

static struct command *new_command(struct khap_dialogue *d)
{
    if (d->n == d->cap) {
        size_t cap = d->cap == 0 ? 16 : d->cap * 2;
        if (cap > SIZE_MAX / 2 / sizeof *d->commands)
            return NULL;
        struct command *p = khap__save_resize(&d->memory, d->commands, d->cap * sizeof *p, cap * sizeof *p);
        if (p == NULL)
            return NULL;
        d->commands = p;
        d->cap = cap;
    }
    d->commands[d->n] = (struct command){0};
    return &d->commands[d->n];
}

static enum khap_status add_one(struct khap_dialogue *d, struct khap_str command, struct khap_str payload)
{
    struct command *c;
    while (command.len > 0 && command.ptr[0] == ' ') {
        command.ptr++;
        command.len--;
    }
    while (command.len > 0 && command.ptr[command.len - 1] == ' ')
        command.len--;
    if (command.len == 0 || (d->n > 0 && !d->prompt))
        return KHAP_EINVAL;
    if (command.len > d->limit || payload.len > d->limit - command.len)
        return KHAP_ELIMIT;
    c = new_command(d);
    if (c == NULL || !grow(d, &d->out, command.len + payload.len + 8))
        return KHAP_ENOMEM;
    c->line = d->out.len;
    put(&d->out, command.ptr, command.len);
    c->words_len = command.len;
    c->payload = payload.len > 0;
    if (c->payload)
        put(&d->out, " <<", 3);
    put(&d->out, "\n", 1);
    bool begins = true;
    for (size_t i = 0; i < payload.len; i++) {
        char byte = payload.ptr[i];
        if (byte == '\r' && i + 1 < payload.len && payload.ptr[i + 1] == '\n')
            continue;
        if (byte != '\n' || !begins)
            put(&d->out, &byte, 1);
        begins = byte == '\n';
    }
    if (c->payload)
        put(&d->out, "\n\n", begins ? 1 : 2);
    c->line_len = d->out.len - c->line;
    d->n++;
    return KHAP_OK;
}

enum khap_status khap_dialogue_new(const struct khap_alloc *alloc, uint32_t flags, size_t bufsize,
                                   struct khap_dialogue **out)
{
    struct khap_dialogue empty = {.prompt = (flags & KHAP_DIALOGUE_PROMPT) != 0};
    if (out == NULL)
        return KHAP_EINVAL;
    *out = NULL;
    if ((flags & ~(uint32_t)KHAP_DIALOGUE_PROMPT) != 0 || (bufsize > 0 && bufsize <= RESERVE))
        return KHAP_EINVAL;
    /* tune.maxrewrite is none of the command line's business, but a little room costs nothing */
    empty.limit = (bufsize > 0 ? bufsize : DEFAULT_BUFSIZE) - RESERVE;
    khap_save_options_init(&empty.memory);
    empty.memory.alloc = alloc;
    struct khap_dialogue *d = khap__save_resize(&empty.memory, NULL, 0, sizeof *d);
    if (d == NULL)
        return KHAP_ENOMEM;
    *d = empty;
    if (alloc != NULL) {
        d->alloc = *alloc;
        d->memory.alloc = &d->alloc;
    }
    if (d->prompt && add_one(d, (struct khap_str){"prompt", 6}, (struct khap_str){0}) != KHAP_OK) {
        khap_dialogue_free(d);
        return KHAP_ENOMEM;
    }
    *out = d;
    return KHAP_OK;
}

void khap_dialogue_free(struct khap_dialogue *d)
{
    if (d == NULL)
        return;
    struct khap_save_options memory = d->memory;
    struct khap_alloc alloc = d->alloc;
    if (memory.alloc != NULL)
        memory.alloc = &alloc;
    if (d->out.ptr != NULL)
        khap__save_resize(&memory, d->out.ptr, d->out.cap, 0);
    if (d->in.ptr != NULL)
        khap__save_resize(&memory, d->in.ptr, d->in.cap, 0);
    if (d->commands != NULL)
        khap__save_resize(&memory, d->commands, d->cap * sizeof *d->commands, 0);
    khap__save_resize(&memory, d, sizeof *d, 0);
}

enum khap_status khap_dialogue_add(struct khap_dialogue *d, struct khap_str command, struct khap_str payload)
{
    if (d == NULL || d->sent > 0 || d->in.len > 0 || d->ended || has(command, '\n') || has(command, '\r') ||
        has(command, '\0') || has(payload, '\0') || (payload.len > 0 && has(command, ';')))
        return KHAP_EINVAL;
    size_t out_len = d->out.len, n = d->n;
    enum khap_status status = KHAP_OK;
    for (bool more = true; more && status == KHAP_OK;) {
        const char *end = command.len > 0 ? memchr(command.ptr, ';', command.len) : NULL;
        more = end != NULL;
        struct khap_str one = {command.ptr, more ? (size_t)(end - command.ptr) : command.len};
        status = add_one(d, one, payload);
        if (more) {
            command.ptr += one.len + 1;
            command.len -= one.len + 1;
        }
    }
    if (status != KHAP_OK) {
        d->out.len = out_len;
        d->n = n;
    }
    return status;
}

struct khap_str khap_dialogue_output(struct khap_dialogue *d)
{
    size_t from, to;
    if (d->failed || d->ended || d->answered == d->n)
        return (struct khap_str){"", 0};
    from = d->commands[d->answered].line;
    to = d->sent;
    for (size_t i = d->answered; i < d->n; i++) {
        size_t end = d->commands[i].line + d->commands[i].line_len;
        /* one goes alone, however long it is; a payload goes alone, too */
        if (i > d->answered &&
            (end - from > d->limit || d->commands[i].payload || d->commands[i - 1].payload))
            break;
        if (end > to)
            to = end;
    }
    return (struct khap_str){d->out.ptr + d->sent, to - d->sent};
}

void khap_dialogue_sent(struct khap_dialogue *d, size_t length)
{
    if (length <= d->out.len - d->sent)
        d->sent += length;
}

bool khap__dialogue_all_sent(const struct khap_dialogue *d)
{
    return !d->prompt && d->sent == d->out.len;
}

/* The reply that ends at `end`, without what HAProxy writes around it. */
static void answer(struct khap_dialogue *d, size_t end)
{
    struct command *c = &d->commands[d->answered++];
    size_t from = d->reply;
    /* up to 3.0 each line of a payload is asked for by a prompt */
    while (c->payload && end - from >= 2 && memcmp(d->in.ptr + from, "+ ", 2) == 0)
        from += 2;
    while (end > from && (d->in.ptr[end - 1] == '\n' || d->in.ptr[end - 1] == '\r'))
        end--;
    c->reply = from;
    c->reply_len = end - from;
}

/* A reply to what was not sent yet, or bytes behind the last one, are no dialogue. */
static void read_prompts(struct khap_dialogue *d)
{
    while (!d->failed && d->in.len - d->searched >= PROMPT) {
        const char *p = memchr(d->in.ptr + d->searched, '\n', d->in.len - d->searched - (PROMPT - 1));
        if (p == NULL) {
            d->searched = d->in.len - (PROMPT - 1);
            return;
        }
        size_t at = (size_t)(p - d->in.ptr);
        d->searched = at + 1;
        if (memcmp(p, prompt_end, PROMPT) != 0)
            continue;
        const struct command *c = d->answered < d->n ? &d->commands[d->answered] : NULL;
        if (c == NULL || d->sent < c->line + c->line_len) {
            d->failed = true;
            return;
        }
        answer(d, at);
        d->reply = d->searched = at + PROMPT;
    }
}

enum khap_status khap_dialogue_feed(struct khap_dialogue *d, struct khap_str bytes)
{
    if (bytes.len == 0 || d->failed)
        return KHAP_OK;
    if (d->ended || d->n == 0 || d->sent == 0) {
        d->failed = true;
        return KHAP_OK;
    }
    if (bytes.len > LARGEST_REPLY || d->in.len - d->reply > LARGEST_REPLY - bytes.len) {
        d->failed = true;
        return KHAP_ELIMIT;
    }
    if (!grow(d, &d->in, bytes.len)) {
        d->failed = true;
        return KHAP_ENOMEM;
    }
    put(&d->in, bytes.ptr, bytes.len);
    if (d->prompt)
        read_prompts(d);
    if (d->prompt && d->answered == d->n && d->in.len > d->reply)
        d->failed = true;
    return KHAP_OK;
}

void khap_dialogue_end(struct khap_dialogue *d)
{
    if (d->ended)
        return;
    d->ended = true;
    if (!d->prompt && d->n > 0 && d->sent == d->out.len && d->answered == 0 && !d->failed)
        answer(d, d->in.len);
    if (d->answered < d->n)
        d->failed = true;
}

uint32_t khap_dialogue_state(const struct khap_dialogue *d)
{
    if (d->failed)
        return KHAP_DIALOGUE_FAILED;
    return d->answered == d->n ? KHAP_DIALOGUE_DONE : KHAP_DIALOGUE_OPEN;
}

enum khap_status khap_dialogue_reply(const struct khap_dialogue *d, size_t index, struct khap_str *command,
                                     struct khap_str *reply)
{
    size_t i = index + (d->prompt ? 1 : 0);
    if (i < index || i >= d->answered)
        return KHAP_ENOENT;
    if (command != NULL)
        *command = (struct khap_str){d->out.ptr + d->commands[i].line, d->commands[i].words_len};
    if (reply != NULL) {
        bool empty = d->commands[i].reply_len == 0;
        *reply = empty ? (struct khap_str){"", 0}
                       : (struct khap_str){d->in.ptr + d->commands[i].reply, d->commands[i].reply_len};
    }
    return KHAP_OK;
}

/* ---- what HAProxy says when it did it, 2.2 to 3.4: the beginning of the command, and beginning and end of the reply */

static const struct {
    const char *command, *begins, *ends;
} successes[] = {
    {"add server ", "New server registered.", "New server registered."},
    {"del server ", "Server deleted.", "Server deleted."},
    {"wait ", "Done.", "Done."},
    {"set server ", "IP changed from ", "by 'stats socket command'"},
    {"set server ", "port changed from ", "by 'stats socket command'"},
    {"set server ", "no need to change ", "by 'stats socket command'"},
    {"set server ", "nothing changed", ""},
    {"new ssl ", "New empty ", "!"},
    {"set ssl ", "Transaction created for ", "!"},
    {"set ssl ", "Transaction updated for ", "!"},
    {"set ssl ", "transaction created for ", "!"},
    {"set ssl ", "transaction updated for ", "!"},
    {"commit ssl ", "Committing ", "Success!"},
    {"add ssl crt-list ", "Inserting certificate ", "Success!"},
    {"del ssl crt-list ", "Entry ", "!"},
    {"del ssl cert ", "Certificate ", " deleted!"},
    /* what befell its servers may stand before it */
    {"add backend ", "", "New backend registered."},
    {"del backend ", "", "Backend deleted."},
    {"publish backend ", "", "Backend published."},
    {"unpublish backend ", "", "Backend unpublished."},
    {"prepare ", "New version created: ", ""},
};

/* Those that say nothing. */
static const char *const silent[] = {
    "add map ",        "add acl ",       "set map ",       "del map ",
    "del acl ",        "clear map ",     "clear acl ",     "commit map ",
    "commit acl ",     "enable server ", "enable health ", "disable server ",
    "disable health ", "set server ",    "enable agent ",  "enable dynamic-cookie ",
    "set maxconn ",    "set weight "};

static bool begins_with(struct khap_str text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.ptr, with, len) == 0;
}

static bool ends_with(struct khap_str text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.ptr + text.len - len, with, len) == 0;
}

int khap_reply_is_success(struct khap_str command, struct khap_str reply)
{
    while (reply.len > 0 && (reply.ptr[reply.len - 1] == '\n' || reply.ptr[reply.len - 1] == ' '))
        reply.len--;
    if (reply.len == 0) {
        for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
            if (begins_with(command, silent[i]))
                return 1;
        return 0;
    }
    for (size_t i = 0; i < sizeof successes / sizeof *successes; i++)
        if (begins_with(command, successes[i].command) && begins_with(reply, successes[i].begins) &&
            ends_with(reply, successes[i].ends))
            return 1;
    return 0;
}

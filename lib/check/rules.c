/* check/rules.c - what is told otherwise: codes that are passed over, or have another severity. SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/message.h"
#include "base/nearest.h"
#include "check/check.h"

#include <khap/check.h>

enum { UNCHANGED = KHAP_ERROR + 1 };

struct khap_rules {
    struct khap_alloc alloc;
    uint8_t severity[MSG__COUNT]; /* KHAP_IGNORE, a severity, or UNCHANGED */
};

static const char actions[][8] = {
    [KHAP_IGNORE] = "ignore", [KHAP_NOTE] = "note", [KHAP_WARNING] = "warning", [KHAP_ERROR] = "error"};

enum khap_status khap_rules_new(const struct khap_alloc *alloc, struct khap_rules **out)
{
    if (out == NULL)
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    struct khap_rules *rules = khap__alloc(&a, 1, sizeof *rules);
    if (rules == NULL)
        return KHAP_ENOMEM;
    rules->alloc = a;
    memset(rules->severity, UNCHANGED, sizeof rules->severity);
    *out = rules;
    return KHAP_OK;
}

void khap_rules_free(struct khap_rules *rules)
{
    if (rules == NULL)
        return;
    struct khap_alloc a = rules->alloc;
    khap__free(&a, rules, 1, sizeof *rules);
}

static enum khap_status set(struct khap_rules *rules, enum message_id id, uint32_t severity)
{
    if (id == MSG__COUNT)
        return KHAP_ENOENT;
    if (severity == KHAP_IGNORE && khap__message_severity(id) == KHAP_ERROR)
        return KHAP_EREFUSED;
    rules->severity[id] = (uint8_t)severity;
    return KHAP_OK;
}

enum khap_status khap_rules_set(struct khap_rules *rules, struct khap_str code, uint32_t severity)
{
    if (rules == NULL || severity > KHAP_ERROR)
        return KHAP_EINVAL;
    return set(rules, khap__message_id(code), severity);
}

uint32_t khap__rules_severity(const struct khap_rules *rules, enum message_id id)
{
    uint32_t severity = rules == NULL ? UNCHANGED : rules->severity[id];
    return severity == UNCHANGED ? khap__message_severity(id) : severity;
}

static void say_unknown(struct khap_diags *diags, struct khap_str code, struct khap_place place)
{
    struct nearest near;
    struct buf text;
    if (diags == NULL)
        return;
    khap__buf_init(&text, khap__diags_alloc(diags));
    khap__nearest_start(&near, code);
    for (unsigned id = 0; id < MSG__COUNT; id++)
        khap__nearest_offer(&near, khap__str(khap__message_code((enum message_id)id)));
    khap__nearest_add(&near, &text);
    SAY(diags, MSG_UNKNOWN_CODE, place, code, khap__buf_str(&text));
    khap__buf_free(&text);
}

enum message_id khap__rules_code(struct khap_diags *diags, struct khap_str code, struct khap_place place)
{
    enum message_id id = khap__message_id(code);
    if (id == MSG__COUNT)
        say_unknown(diags, code, place);
    return id;
}

/* The next word of a line, up to a blank; empty at the end. */
static struct khap_str next_word(struct khap_str line, size_t *at)
{
    while (*at < line.len && (line.ptr[*at] == ' ' || line.ptr[*at] == '\t' || line.ptr[*at] == '\r'))
        ++*at;
    size_t from = *at;
    while (*at < line.len && line.ptr[*at] != ' ' && line.ptr[*at] != '\t' && line.ptr[*at] != '\r')
        ++*at;
    return khap__str_sub(line, from, *at - from);
}

static uint32_t action_of(struct khap_str word)
{
    uint32_t i = 0;
    if (khap__str_ends(word, S(":")))
        word.len--;
    while (i <= KHAP_ERROR && !khap__str_eq(word, khap__str(actions[i])))
        i++;
    return i;
}

enum khap_status khap_rules_read(struct khap_rules *rules, struct khap_str text, uint32_t source,
                                 struct khap_diags *diags)
{
    enum khap_status status = KHAP_OK;
    if (rules == NULL || (text.len > 0 && text.ptr == NULL) || text.len > UINT32_MAX)
        return KHAP_EINVAL;
    for (size_t from = 0, len; from < text.len; from += len + 1) {
        len = khap__str_find(khap__str_sub(text, from, text.len), '\n');
        struct khap_str line = khap__str_sub(text, from, len);
        size_t at = 0;
        struct khap_str code = next_word(line, &at);
        if (code.len == 0 || code.ptr[0] == '#')
            continue;
        struct khap_place place = {source, (uint32_t)(code.ptr - text.ptr), (uint32_t)code.len};
        struct khap_str word = next_word(line, &at);
        uint32_t action = action_of(word);
        if (action > KHAP_ERROR) {
            struct khap_place there = {source, (uint32_t)(from + at - word.len), (uint32_t)word.len};
            SAY(diags, MSG_BAD_RULE, there, word);
            status = KHAP_EINPUT;
            continue;
        }
        enum message_id id = khap__rules_code(diags, code, place);
        if (id != MSG__COUNT && set(rules, id, action) == KHAP_EREFUSED)
            SAY(diags, MSG_IGNORE_OF_ERROR, place, code);
    }
    return khap__diags_status(diags) == KHAP_ENOMEM ? KHAP_ENOMEM : status;
}

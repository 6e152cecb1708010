/* model/since.c - keys and values that the oldest release of the target cannot do. SPDX-License-Identifier:
 * MIT */
#include "model/resolve.h"

/* Words that came later than the key to which they belong. */
struct late_word {
    uint16_t key;
    uint16_t since;
    char word[12];
    bool prefix; /* the value begins with it */
};
static const struct late_word late_words[] = {
    {KEY_LOG_TO, 109, "stdout", false},
    {KEY_LOG_TO, 109, "stderr", false},
    {KEY_LOG_FORMAT, 202, "json", false},
    {KEY_FRONTEND_ALPN, 108, "h2", false},
    {KEY_SERVICE_BACKEND_PROTOCOL, 200, "h2",
     false}, /* 1.9 takes it, but speaks it only with an option of its own */
    {KEY_SERVICE_BACKEND_PROTOCOL, 200, "h2c", false},
    {KEY_SERVICE_BACKEND_PROTOCOL, 107, "https", false},
    {KEY_SERVICE_BALANCE, 200, "random(", true},
    {KEY_SERVICE_BALANCE, 109, "random", true},
    {KEY_SERVICE_BALANCE, 206, "hash ", true},
    {KEY_SERVICE_JWT_ALGORITHM, 208, "PS", true},
    {KEY_SERVICE_CHECK_TYPE, 202, "grpc", false},
    {KEY_SERVICE_RETRY_ON, 204, "401", false},
    {KEY_SERVICE_RETRY_ON, 204, "403", false},
    {KEY_SERVICE_RETRY_ON, 300, "429", false},
    {KEY_SERVICE_RETRY_ON, 302, "421", false},
};

void khap__say_since(struct resolver *r, const struct setting *s, struct khap_str what, uint16_t since)
{
    uint16_t releases[2] = {since, r->out->target.first};
    struct khap_str text[2];
    size_t end[2];
    khap__buf_clear(&r->text);
    for (int i = 0; i < 2; i++) {
        khap__buf_uint(&r->text, releases[i] / 100);
        khap__buf_char(&r->text, '.');
        khap__buf_uint(&r->text, releases[i] % 100);
        end[i] = r->text.len;
    }
    if (r->text.failed)
        return;
    text[0] = (struct khap_str){r->text.ptr, end[0]};
    text[1] = (struct khap_str){r->text.ptr + end[0], end[1] - end[0]};
    RESOLVE_SAY(r, MSG_KEY_NEEDS_RELEASE, s->place, what, text[0], text[1]);
}

/* The parts of a format have names from 3.0 on; before, HAProxy writes something else and says nothing. */
enum { FORMAT_NAMES = KHAP_RELEASE(3, 0) };

static bool is_format(enum key key)
{
    return khap__key_row(key)->type == TYPE_LOGFORMAT;
}

static bool names_a_part(struct khap_str format)
{
    for (size_t i = 0; i + 1 < format.len; i++) {
        if (format.ptr[i] == '%' && format.ptr[++i] == '(')
            return true;
    }
    return false;
}

/* The row of late_words that the value is, if any. */
static const struct late_word *late_word(const struct setting *s)
{
    for (size_t i = 0; i < sizeof late_words / sizeof *late_words; i++) {
        const struct late_word *late = &late_words[i];
        struct khap_str word = khap__str(late->word);
        if (late->key == s->key &&
            (late->prefix ? khap__str_starts(s->text, word) : khap__str_eq(s->text, word)))
            return late;
    }
    return NULL;
}

/* The first release that can do the key with these words. */
static uint16_t first_with(const struct setting *s, uint16_t since)
{
    for (const struct setting *item = s->kind == SETTING_LIST ? s->child : NULL; item; item = item->next) {
        const struct late_word *late = item->kind == SETTING_TEXT ? late_word(item) : NULL;
        if (late && late->since > since)
            since = late->since;
    }
    return since;
}

static void check_text(struct resolver *r, const struct setting *s)
{
    if (is_format((enum key)s->key) && r->out->target.first < FORMAT_NAMES && names_a_part(s->text)) {
        khap__say_since(r, s, S("%("), FORMAT_NAMES);
        return;
    }
    const struct late_word *late = late_word(s);
    if (late && late->since > r->out->target.first)
        khap__say_since(r, s, s->text, late->since);
}

/* As deep as keys.tsv is. */
static void check_setting(struct resolver *r, const struct setting *s)
{
    const struct key_row *row = khap__key_row((enum key)s->key);
    bool off = s->kind == SETTING_OFF || (s->kind == SETTING_BOOL && !s->number);
    if (row->since > r->out->target.first && !off) {
        khap__say_since(r, s, khap__short_path((enum key)s->key), first_with(s, row->since));
        return;
    }
    if (s->kind == SETTING_TEXT)
        check_text(r, s);
    if (s->kind != SETTING_OBJECT && s->kind != SETTING_LIST)
        return;
    for (const struct setting *child = s->child; child; child = child->next)
        check_setting(r, child);
}

void khap__check_since(struct resolver *r)
{
    bool needed = false;
    for (int key = 0; key < KEY_COUNT && !needed; key++)
        needed = r->model->seen[key] && (khap__key_row((enum key)key)->since > r->out->target.first ||
                                         (is_format((enum key)key) && r->out->target.first < FORMAT_NAMES));
    for (size_t i = 0; i < sizeof late_words / sizeof *late_words && !needed; i++)
        needed = r->model->seen[late_words[i].key] && late_words[i].since > r->out->target.first;
    if (needed)
        check_setting(r, r->model->root);
}

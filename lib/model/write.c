/* model/write.c - the map as YAML, in the order of keys.tsv. SPDX-License-Identifier: MIT */
#include "model/model.h"
#include "base/buf.h"
#include "model/rows.h"

struct writer {
    const struct khap_sink *sink;
    struct buf buf;
    enum khap_status status;
};

static void flush(struct writer *w)
{
    if (w->buf.failed)
        w->status = KHAP_ENOMEM;
    if (w->status == KHAP_OK && w->buf.len && w->sink->write(w->sink->ctx, w->buf.ptr, w->buf.len) != 0)
        w->status = KHAP_EIO;
    khap__buf_clear(&w->buf);
}

static bool plain_byte(unsigned char c)
{
    return khap__is_alnum(c) || c == '.' || c == '_' || c == '/' || c == '-';
}

/* Text that YAML takes for nothing else, whatever its version. */
static bool is_plain(struct khap_str s)
{
    static const char words[][6] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    if (s.len == 0 || s.len > 200 || !(khap__is_alpha((unsigned char)s.ptr[0]) || s.ptr[0] == '/'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!plain_byte((unsigned char)s.ptr[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (khap__str_eq_nocase(s, khap__str(words[i])))
            return false;
    }
    return true;
}

static void add_text(struct buf *out, struct khap_str s)
{
    if (is_plain(s)) {
        khap__buf_add(out, s);
        return;
    }
    khap__buf_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            khap__buf_char(out, '\\');
            khap__buf_char(out, (char)c);
        } else if (c == '\n') {
            khap__buf_add(out, S("\\n"));
        } else if (c < 0x20 || c == 0x7f) {
            khap__buf_add(out, S("\\x"));
            khap__buf_hex(out, c, 2);
        } else if (c == 0xc2 && i + 1 < s.len &&
                   (unsigned char)s.ptr[i + 1] < 0xa0) { /* C1 control characters, U+0085 among them */
            khap__buf_add(out, S("\\x"));
            khap__buf_hex(out, (unsigned char)s.ptr[++i], 2);
        } else if (c == 0xe2 && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0x80 &&
                   ((unsigned char)s.ptr[i + 2] == 0xa8 ||
                    (unsigned char)s.ptr[i + 2] == 0xa9)) { /* U+2028, U+2029: line ends to YAML */
            khap__buf_add(out, (unsigned char)s.ptr[i + 2] == 0xa8 ? S("\\u2028") : S("\\u2029"));
            i += 2;
        } else if (c == 0xef && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0xbb &&
                   (unsigned char)s.ptr[i + 2] == 0xbf) {
            khap__buf_add(out, S("\\uFEFF"));
            i += 2;
        } else {
            khap__buf_char(out, (char)c);
        }
    }
    khap__buf_char(out, '"');
}

static void add_time(struct buf *out, int64_t us)
{
    static const struct {
        int64_t unit;
        char name[4];
    } units[] = {{INT64_C(86400000000), "d"},
                 {INT64_C(3600000000), "h"},
                 {60000000, "m"},
                 {1000000, "s"},
                 {1000, "ms"},
                 {1, "us"}};
    size_t i = 0;
    while (us % units[i].unit != 0 || (us == 0 && i < 3))
        i++;
    khap__buf_int(out, us / units[i].unit);
    khap__buf_add(out, khap__str(units[i].name));
}

static void add_scalar(struct buf *out, const struct setting *s)
{
    switch ((enum setting_kind)s->kind) {
    case SETTING_OFF:
        khap__buf_add(out, S("false"));
        break;
    case SETTING_BOOL:
        khap__buf_add(out, s->number ? S("true") : S("false"));
        break;
    case SETTING_INT:
        khap__buf_int(out, s->number);
        break;
    case SETTING_TIME:
        add_time(out, s->number);
        break;
    case SETTING_TEXT:
        add_text(out, s->text);
        break;
    case SETTING_LIST:
    case SETTING_OBJECT:
        break;
    }
}

static void indent(struct buf *out, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++)
        khap__buf_add(out, S("  "));
}

static bool is_container(const struct setting *s)
{
    return s->kind == SETTING_OBJECT || s->kind == SETTING_LIST;
}

/* Lines that a block of YAML gives back byte for byte: printable, no blank where one would not be seen. */
static bool is_block(struct khap_str s)
{
    if (khap__str_find(s, '\n') >= s.len - (s.len > 0) || s.ptr[0] == ' ' || s.ptr[0] == '\t' ||
        s.ptr[0] == '\n')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool last = i + 1 == s.len, ends = last || s.ptr[i + 1] == '\n';
        if (c == '\n' ? i > 0 && s.ptr[i - 1] == '\n' && last
                      : (c < 0x20 && c != '\t') || c >= 0x7f || ((c == ' ' || c == '\t') && ends))
            return false;
    }
    return true;
}

static void write_setting(struct writer *w, const struct setting *s, uint32_t depth);

static void write_member(struct writer *w, struct khap_str name, const struct setting *s, uint32_t depth,
                         bool in_line)
{
    if (!in_line)
        indent(&w->buf, depth);
    add_text(&w->buf, name);
    khap__buf_char(&w->buf, ':');
    write_setting(w, s, depth + 1);
}

/* The members of an object, by the rows of its key; the first one behind a list's dash when in_line. */
static void write_members(struct writer *w, const struct setting *object, uint32_t depth, bool in_line)
{
    if (khap__key_row((enum key)object->key)->kind == ROW_MAP) {
        for (const struct setting *s = object->child; s && w->status == KHAP_OK; s = s->next, in_line = false)
            write_member(w, khap__setting_name(s), s, depth, in_line);
        return;
    }
    enum key member;
    for (size_t i = 0; (member = khap__key_member_at((enum key)object->key, i)) != KEY_NONE; i++) {
        const struct setting *s = khap__setting_find(object, member);
        if (!s)
            continue;
        write_member(w, khap__key_name(member), s, depth, in_line);
        in_line = false;
    }
}

static void write_list(struct writer *w, const struct setting *list, uint32_t depth)
{
    bool flow = khap__key_row((enum key)list->key)->entry == KEY_NONE;
    khap__buf_add(&w->buf, flow ? S(" [") : S("\n"));
    for (const struct setting *s = list->child; s; s = s->next) {
        if (flow) {
            add_scalar(&w->buf, s);
            khap__buf_add(&w->buf, s->next ? S(", ") : S(""));
        } else {
            indent(&w->buf, depth);
            khap__buf_char(&w->buf, '-');
            if (s->kind == SETTING_OBJECT && s->child) {
                khap__buf_char(&w->buf, ' ');
                write_members(w, s, depth + 1, true);
            } else {
                khap__buf_add(&w->buf, S(" {}\n"));
            }
        }
    }
    if (flow)
        khap__buf_add(&w->buf, S("]\n"));
}

static void write_block(struct writer *w, struct khap_str text, uint32_t depth)
{
    khap__buf_add(&w->buf, text.ptr[text.len - 1] == '\n' ? S(" |\n") : S(" |-\n"));
    while (text.len > 0) {
        size_t end = khap__str_find(text, '\n');
        if (end > 0)
            indent(&w->buf, depth);
        khap__buf_add(&w->buf, khap__str_sub(text, 0, end));
        khap__buf_char(&w->buf, '\n');
        text = khap__str_sub(text, end + 1, text.len);
    }
}

/* What stands behind a key's colon, with its line end. As deep as keys.tsv is. */
static void write_setting(struct writer *w, const struct setting *s, uint32_t depth)
{
    if (w->buf.len > 65536)
        flush(w);
    if (is_container(s) && !s->child) {
        khap__buf_add(&w->buf, s->kind == SETTING_LIST ? S(" []\n") : S(" {}\n"));
    } else if (s->kind == SETTING_OBJECT) {
        khap__buf_char(&w->buf, '\n');
        write_members(w, s, depth, false);
    } else if (s->kind == SETTING_LIST) {
        write_list(w, s, depth);
    } else if (s->kind == SETTING_TEXT && is_block(s->text)) {
        write_block(w, s->text, depth);
    } else {
        khap__buf_char(&w->buf, ' ');
        add_scalar(&w->buf, s);
        khap__buf_char(&w->buf, '\n');
    }
}

enum khap_status khap_model_write(const struct khap_model *model, const struct khap_sink *sink)
{
    if (!model || !sink || !sink->write)
        return KHAP_EINVAL;
    struct writer w = {.sink = sink, .status = KHAP_OK};
    khap__buf_init(&w.buf, &model->alloc);
    if (model->root->child)
        write_members(&w, model->root, 0, false);
    else
        khap__buf_add(&w.buf, S("{}\n"));
    flush(&w);
    khap__buf_free(&w.buf);
    return w.status;
}

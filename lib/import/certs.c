/* import/certs.c - certificates of bind lines, crt-lists and crt-stores. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

bool khap__import_is_certificate(const struct import_line *line, uint32_t i)
{
    return (word_is(line, i, "crt") || word_is(line, i, "crt-list")) && i + 1 < line->n;
}

/* The same for all that end TLS. */
bool khap__import_same_certificates(const struct import_line *a, const struct import_line *b)
{
    uint32_t i = 2, k = 2;
    for (;;) {
        while (i < a->n && !khap__import_is_certificate(a, i))
            i++;
        while (k < b->n && !khap__import_is_certificate(b, k))
            k++;
        if (i >= a->n || k >= b->n)
            return i >= a->n && k >= b->n;
        if (!khap__str_eq(a->words[i], b->words[k]) || !khap__str_eq(a->words[i + 1], b->words[k + 1]))
            return false;
        i += 2;
        k += 2;
    }
}

static bool is_directory(struct khap_str path)
{
    static const char *const suffixes[] = {".pem", ".crt", ".cer", ".cert", ".key", ".ec", ".rsa"};
    if (khap__str_starts(path, S("@")))
        return false;
    if (khap__str_ends(path, S("/")) || khap__str_ends(path, S(".d")))
        return true;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (khap__str_ends(path, khap__str(suffixes[i])))
            return false;
    }
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/')
        slash--;
    struct khap_str name = khap__str_sub(path, slash, path.len);
    return khap__str_find(name, '.') == name.len;
}

static bool add_entry(struct import *im, struct khap_place place, struct khap_str yaml)
{
    return khap__import_set_top(im, place, "certs.+", yaml);
}

/* ---- what is said of one certificate ---- */

enum given_kind { GIVEN_TEXT, GIVEN_WORD, GIVEN_LIST, GIVEN_SWITCH };
struct option {
    const char *word, *key;
    uint8_t kind;
    char between; /* items of a list */
};
static const struct option list_options[] = {
    {"ca-file", "clientCa", GIVEN_TEXT, 0},       {"crl-file", "crl", GIVEN_TEXT, 0},
    {"verify", "verify", GIVEN_WORD, 0},          {"alpn", "alpn", GIVEN_LIST, ','},
    {"ssl-min-ver", "minVersion", GIVEN_WORD, 0}, {"ssl-max-ver", "maxVersion", GIVEN_WORD, 0},
    {"ciphers", "ciphers", GIVEN_LIST, ':'},      {"ciphersuites", "ciphersuites", GIVEN_LIST, ':'},
    {"curves", "curves", GIVEN_LIST, ':'},        {"ocsp-update", "ocspUpdate", GIVEN_SWITCH, 0}};
static const struct option store_options[] = {{"key", "key", GIVEN_TEXT, 0},
                                              {"ocsp", "ocsp", GIVEN_TEXT, 0},
                                              {"ocsp-update", "ocspUpdate", GIVEN_SWITCH, 0}};

static bool add_value(struct buf *yaml, const struct option *o, struct khap_str value)
{
    if (khap__str_eq(value, S("required")) && khap__str_eq(khap__str(o->word), S("verify")))
        return true; /* the default */
    khap__buf_add(yaml, S(", "));
    khap__buf_add(yaml, khap__str(o->key));
    khap__buf_add(yaml, S(": "));
    if (o->kind == GIVEN_SWITCH) {
        khap__buf_add(yaml, khap__str_eq(value, S("on")) ? S("true") : S("false"));
        return khap__str_eq(value, S("on")) || khap__str_eq(value, S("off"));
    }
    if (o->kind != GIVEN_LIST) {
        khap__import_add_quoted(yaml, value);
        return true;
    }
    if (khap__str_starts(value, S("h3,"))) /* the list serves QUIC, too */
        value = khap__str_sub(value, 3, value.len);
    khap__buf_char(yaml, '[');
    while (value.len > 0) {
        size_t end = khap__str_find(value, o->between);
        khap__import_add_quoted(yaml, khap__str_sub(value, 0, end));
        value = khap__str_sub(value, end + 1, value.len);
        khap__buf_add(yaml, value.len > 0 ? S(", ") : S(""));
    }
    khap__buf_char(yaml, ']');
    return true;
}

static bool add_option(struct buf *yaml, const struct option *table, size_t n, struct khap_str word,
                       struct khap_str value)
{
    for (size_t i = 0; i < n; i++) {
        if (khap__str_eq(word, khap__str(table[i].word)))
            return add_value(yaml, &table[i], value);
    }
    return false;
}

/* `load crt FILE key FILE … alias ALIAS` of khapgen's own crt-store. */
static bool add_stored(const struct import *im, struct buf *yaml, struct khap_str alias)
{
    uint32_t section = khap__import_find(&im->in, S("crt-store"), S("khap"));
    const struct import_section *s = section == NO_SECTION ? NULL : &im->in.sections.ptr[section];
    for (uint32_t i = s != NULL ? s->first : 0; s != NULL && i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        bool good = khap__import_begins(line, "load crt") > 0 && line->n > 5 && line->n % 2 == 1 &&
                    !line->variable && word_is(line, line->n - 2, "alias") &&
                    khap__str_eq(line->words[line->n - 1], alias);
        if (!good)
            continue;
        khap__buf_add(yaml, S("file: "));
        khap__import_add_quoted(yaml, line->words[2]);
        for (uint32_t k = 3; k + 2 < line->n && good; k += 2)
            good = add_option(yaml, store_options, sizeof store_options / sizeof *store_options,
                              line->words[k], line->words[k + 1]);
        return good;
    }
    return false;
}

static bool add_file(const struct import *im, struct buf *yaml, struct khap_str name)
{
    if (khap__str_starts(name, S("@khap/")))
        return add_stored(im, yaml, khap__str_sub(name, 6, name.len));
    if (im->ours && khap__str_eq(name, S("certs/placeholder.pem"))) {
        khap__buf_add(yaml, S("placeholder: true"));
        return true;
    }
    khap__buf_add(yaml, S("file: "));
    khap__import_add_quoted(yaml, name);
    return true;
}

/* ---- crt-lists ---- */

/* The next word; brackets are words of their own. */
static struct khap_str next_word(struct khap_str *rest)
{
    *rest = khap__str_trim(*rest);
    size_t end = 0;
    while (end < rest->len && memchr(" \t[]", rest->ptr[end], 4) == NULL)
        end++;
    if (end == 0 && rest->len > 0)
        end = 1;
    struct khap_str word = khap__str_sub(*rest, 0, end);
    *rest = khap__str_sub(*rest, end, rest->len);
    return word;
}

/* FILE [OPTION VALUE …] host host */
static bool add_list_line(struct import *im, struct buf *yaml, struct khap_str rest)
{
    struct khap_str word = next_word(&rest);
    bool good = add_file(im, yaml, word), hosts = false;
    word = next_word(&rest);
    if (khap__str_eq(word, S("["))) {
        while (good && !khap__str_eq(word = next_word(&rest), S("]")))
            good = word.len > 0 && add_option(yaml, list_options, sizeof list_options / sizeof *list_options,
                                              word, next_word(&rest));
        word = next_word(&rest);
    }
    for (; good && word.len > 0; word = next_word(&rest)) {
        khap__buf_add(yaml, hosts ? S(", ") : S(", hosts: ["));
        khap__import_add_quoted(yaml, word);
        hosts = true;
    }
    if (hosts)
        khap__buf_char(yaml, ']');
    im->cert_hosts = im->cert_hosts || hosts;
    return good;
}

/* The certificate of a line of a list, or of a bind line. */
static bool one(struct import *im, struct khap_place place, struct khap_str text, bool listed)
{
    struct buf yaml;
    khap__buf_init(&yaml, &im->alloc);
    khap__buf_char(&yaml, '{');
    bool good = listed ? add_list_line(im, &yaml, text) : add_file(im, &yaml, text);
    khap__buf_char(&yaml, '}');
    if (yaml.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    good = good && !yaml.failed && add_entry(im, place, khap__buf_str(&yaml));
    khap__buf_free(&yaml);
    return good;
}

/* A list of khapgen's own, which stands in the bundle, is taken apart. */
static bool crt_list(struct import *im, struct khap_place place, struct khap_str name)
{
    const struct khap_bundle_file *file = NULL;
    if (!khap__str_starts(name, S("crt-list-")) || khap_bundle_side(im->bundle, name, &file) != KHAP_OK)
        return add_entry(im, place,
                         khap__import_join(im, S("{crtList: "), khap__import_quote(im, name), S("}")));
    struct khap_str text = khap__import_dup(im, khap_bundle_file_text(file));
    while (text.len > 0) {
        size_t end = khap__str_find(text, '\n');
        struct khap_str line = khap__str_trim(khap__str_sub(text, 0, end));
        if (line.len > 0 && line.ptr[0] != '#' && !one(im, place, line, true))
            return false;
        text = khap__str_sub(text, end + 1, text.len);
    }
    return true;
}

bool khap__import_certificates(struct import *im, const struct import_line *line)
{
    for (uint32_t i = 2; i < line->n; i++) {
        if (!khap__import_is_certificate(line, i))
            continue;
        struct khap_str path = line->words[i + 1];
        bool list = word_is(line, i, "crt-list"), directory = !list && is_directory(path);
        i++;
        if (directory
                ? !add_entry(im, line->place,
                             khap__import_join(im, S("{directory: "), khap__import_quote(im, path), S("}")))
                : !(list ? crt_list(im, line->place, path) : one(im, line->place, path, false)))
            return false;
    }
    return true;
}

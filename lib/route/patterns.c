/* route/patterns.c - what samples are compared with: the values of an ACL, the keys of a map. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

enum { FEW_PATTERNS = 8 }; /* these are compared one by one */

static const struct {
    const char *name;
    enum match_method method;
} methods[] = {{"found", MATCH_FOUND}, {"bool", MATCH_BOOL}, {"int", MATCH_INT}, {"ip", MATCH_IP},
               {"len", MATCH_LEN},     {"str", MATCH_STR},   {"beg", MATCH_BEG}, {"sub", MATCH_SUB},
               {"dir", MATCH_DIR},     {"dom", MATCH_DOM},   {"end", MATCH_END}, {"reg", MATCH_REG},
               {"regm", MATCH_REG},    {"bin", MATCH_BIN},   {"hex", MATCH_BIN}, {"meth", MATCH_METH},
               {"auth", MATCH_AUTH}};

enum match_method khap__routing_method(struct khap_str name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (khap__str_eq(name, khap__str(methods[i].name)))
            return methods[i].method;
    }
    return MATCH_NONE;
}

void khap__patterns_free(const struct khap_alloc *alloc, struct patterns *p)
{
    for (uint32_t i = 0; i < p->all.len; i++)
        khap__regex_free(p->all.ptr[i].regex);
    VEC_FREE(alloc, &p->all);
    khap__map_free(&p->exact);
}

/* ---- reading */

/* `eq 5`, `ge 5`, `5`, `5:9`, `:9`; `op` is the operator before it. */
static bool read_range(struct khap_str text, struct khap_str op, struct pattern *p)
{
    size_t colon = khap__str_find(text, ':');
    int64_t from, to;
    struct khap_str low = khap__str_sub(text, 0, colon), high = khap__str_sub(text, colon + 1, text.len);
    bool single = colon == text.len;
    p->from = INT64_MIN;
    p->to = INT64_MAX;
    if (low.len > 0 && khap__int_parse(low, INT64_MIN, INT64_MAX, &from) != VALUE_OK)
        return false;
    if (high.len > 0 && khap__int_parse(high, INT64_MIN, INT64_MAX, &to) != VALUE_OK)
        return false;
    if (low.len > 0)
        p->from = from;
    if (high.len > 0)
        p->to = to;
    if (single) {
        if (low.len == 0)
            return false;
        bool below = khap__str_eq(op, S("le")) || khap__str_eq(op, S("lt"));
        bool above = khap__str_eq(op, S("ge")) || khap__str_eq(op, S("gt"));
        p->to = above ? INT64_MAX : from;
        p->from = below ? INT64_MIN : from;
        if ((khap__str_eq(op, S("lt")) && p->to-- == INT64_MIN) ||
            (khap__str_eq(op, S("gt")) && p->from++ == INT64_MAX))
            return false;
    }
    return single || op.len == 0 || khap__str_eq(op, S("eq"));
}

/* An address or a network; bits behind the mask do not count. */
bool khap__routing_read_network(struct khap_str text, struct network *out)
{
    size_t slash = khap__str_find(text, '/');
    struct khap_str address = khap__str_sub(text, 0, slash), mask = khap__str_sub(text, slash + 1, text.len);
    uint8_t bytes[16];
    int64_t bits;
    *out = (struct network){.family = ADDRESS_V4, .bits = 32};
    if (!khap__ipv4_parse(address, out->ip)) {
        out->family = ADDRESS_V6;
        out->bits = 128;
        if (!khap__ipv6_parse(address, out->ip))
            return false;
    }
    if (slash == text.len)
        return true;
    if (out->family == ADDRESS_V4 && khap__ipv4_parse(mask, bytes)) {
        uint32_t m = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
        out->bits = 0;
        while (out->bits < 32 && (m & (UINT32_C(0x80000000) >> out->bits)) != 0)
            out->bits++;
        return out->bits == 32 || (m & (UINT32_MAX >> out->bits)) == 0;
    }
    if (khap__int_parse(mask, 0, out->bits, &bits) != VALUE_OK)
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

static struct khap_str lowered(struct compiling *c, struct khap_str text)
{
    char *room = khap__arena_bytes(&c->route->arena, text.len + 1);
    if (room == NULL) {
        c->status = KHAP_ENOMEM;
        return S("");
    }
    for (size_t i = 0; i < text.len; i++)
        room[i] = (char)khap__lower((unsigned char)text.ptr[i]);
    return (struct khap_str){room, text.len};
}

static bool read_hex(struct compiling *c, struct khap_str text, struct khap_str *out)
{
    char *room = khap__arena_bytes(&c->route->arena, text.len / 2 + 1);
    if (room == NULL) {
        c->status = KHAP_ENOMEM;
        return false;
    }
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = khap__hex((unsigned char)text.ptr[i]), low = khap__hex((unsigned char)text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        room[i / 2] = (char)(high * 16 + low);
    }
    *out = (struct khap_str){room, text.len / 2};
    return text.len % 2 == 0;
}

static bool read_regex(struct compiling *c, bool nocase, struct khap_str text, struct regex **out)
{
    enum khap_status status = khap__regex_new(&c->route->alloc, text, out);
    if (status == KHAP_OK && nocase) {
        khap__regex_free(*out);
        struct buf b;
        khap__buf_init(&b, &c->route->alloc);
        khap__buf_add(&b, S("(?i)"));
        khap__buf_add(&b, text);
        status = b.failed ? KHAP_ENOMEM : khap__regex_new(&c->route->alloc, khap__buf_str(&b), out);
        khap__buf_free(&b);
    }
    if (status == KHAP_ENOMEM)
        c->status = status;
    return status == KHAP_OK;
}

static struct khap_str literal_of(struct compiling *c, struct khap_str regex)
{
    char *room = khap__arena_bytes(&c->route->arena, regex.len + 1);
    if (room == NULL) {
        c->status = KHAP_ENOMEM;
        return S("");
    }
    return khap__regex_literal(regex, room);
}

/* Delimiters only: HAProxy finds it behind the last delimiter of a text when a NUL happens to follow the text in memory. */
static bool is_empty_word(const struct pattern *p, uint8_t method)
{
    return (method == MATCH_DIR || method == MATCH_DOM) && khap__pattern_key(p->text, method).len == 0;
}

static void add(struct compiling *c, struct patterns *p, struct khap_str text, struct khap_str op,
                struct khap_str value)
{
    struct pattern one = {.text = text, .key = text, .value = value};
    bool good = true;
    switch ((enum match_method)p->method) {
    case MATCH_INT:
    case MATCH_LEN:
        good = read_range(text, op, &one);
        break;
    case MATCH_IP:
        good = khap__routing_read_network(text, &one.network);
        break;
    case MATCH_REG:
        good = read_regex(c, p->nocase, text, &one.regex);
        one.literal = literal_of(c, text);
        if (p->nocase)
            one.literal = lowered(c, one.literal);
        break;
    case MATCH_BIN:
        good = read_hex(c, text, &one.text);
        break;
    default:
        if (p->nocase)
            one.text = lowered(c, text);
        break;
    }
    if (!good || c->status != KHAP_OK) {
        p->unknown = true;
        return;
    }
    uint32_t index = p->all.len, before;
    bool found;
    if (!VEC_PUSH(&c->route->alloc, &p->all, one)) {
        khap__regex_free(one.regex);
        c->status = KHAP_ENOMEM;
        return;
    }
    if (one.text.len > p->longest)
        p->longest = (uint32_t)one.text.len;
    if (is_empty_word(&one, p->method))
        p->empty_word = true;
    else if (khap__patterns_indexed((enum match_method)p->method) &&
             khap__map_add(&p->exact, khap__pattern_key(one.text, p->method), index, &found, &before) !=
                 KHAP_OK)
        c->status = KHAP_ENOMEM;
}

void khap__patterns_add(struct compiling *c, struct patterns *p, struct khap_str text, struct khap_str op)
{
    add(c, p, text, op, S(""));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A line of a map: the key, blanks, the value. A line of patterns is one, with what blanks it holds. */
static void add_line(struct compiling *c, struct patterns *p, struct khap_str line, bool map)
{
    while (line.len > 0 && is_blank(*line.ptr))
        line = khap__str_sub(line, 1, line.len);
    while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || (map && is_blank(line.ptr[line.len - 1]))))
        line.len--;
    if (line.len == 0 || *line.ptr == '#')
        return;
    if (!map) {
        add(c, p, line, S(""), S(""));
        return;
    }
    size_t key = 0, value;
    while (key < line.len && !is_blank(line.ptr[key]))
        key++;
    value = key;
    while (value < line.len && is_blank(line.ptr[value]))
        value++;
    add(c, p, khap__str_sub(line, 0, key), S(""), khap__str_sub(line, value, line.len));
}

/* A side file of the bundle, or what the file source has; its text is copied. */
static enum khap_status read_side(struct compiling *c, struct khap_str path, struct khap_str *text)
{
    const struct khap_bundle_file *file = NULL;
    struct khap_str got = {NULL, 0};
    enum khap_status status = khap_bundle_side(c->route->bundle, path, &file);
    if (status == KHAP_OK)
        return khap__arena_dup(&c->route->arena, khap_bundle_file_text(file), text);
    if (status == KHAP_ENOMEM || c->route->files == NULL)
        return status;
    status = c->route->files->read(c->route->files->ctx, path, &got);
    if (status != KHAP_OK)
        return status;
    status = khap__arena_dup(&c->route->arena, got, text);
    if (c->route->files->done != NULL)
        c->route->files->done(c->route->files->ctx, got);
    return status;
}

void khap__patterns_file(struct compiling *c, struct patterns *p, struct khap_str path, bool map)
{
    struct khap_str text = {NULL, 0};
    if (khap__str_starts(path, S("file@")))
        path = khap__str_sub(path, 5, path.len);
    else if (khap__str_starts(path, S("opt@")) || khap__str_starts(path, S("virt@"))) {
        p->unknown = true; /* what is in it comes through the runtime API */
        return;
    }
    enum khap_status status =
        khap__view_path(c->at.view, c->at.doc, &c->paths, &c->route->arena, path, &path);
    if (status == KHAP_OK)
        status = read_side(c, path, &text);
    if (status == KHAP_ENOMEM)
        c->status = status;
    if (status != KHAP_OK) {
        p->unknown = true;
        return;
    }
    while (text.len > 0) {
        size_t end = khap__str_find(text, '\n');
        add_line(c, p, khap__str_sub(text, 0, end), map);
        text = khap__str_sub(text, end + 1, text.len);
    }
}

/* ---- matching */

/* Whether the pattern stands in the text with a delimiter, or an end, on both sides; not for one of delimiters only. */
static bool match_word(struct khap_str text, struct khap_str pattern, enum match_method method)
{
    pattern = khap__pattern_key(pattern, (uint8_t)method);
    bool begins = true;
    if (pattern.len == 0)
        return false;
    for (size_t at = 0; at + pattern.len <= text.len; at++) {
        if (at < text.len && khap__is_delimiter(text.ptr[at], method)) {
            begins = true;
            continue;
        }
        size_t end = at + pattern.len;
        if (begins && khap__str_eq(khap__str_sub(text, at, pattern.len), pattern) &&
            (end == text.len || khap__is_delimiter(text.ptr[end], method)))
            return true;
        begins = false;
    }
    return false;
}

static bool contains(struct khap_str text, struct khap_str part)
{
    for (size_t at = 0; at + part.len <= text.len; at++) {
        if (khap__str_eq(khap__str_sub(text, at, part.len), part))
            return true;
    }
    return false;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00u >> rest) & 0xffu) == 0;
}

/* IPv4 addresses are also compared as they are written in IPv6, and the other way round. */
bool khap__routing_in_network(const struct network *ip, const struct network *pattern)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t six[16];
    if (ip->family == pattern->family)
        return same_bits(ip->ip, pattern->ip, pattern->bits);
    if (ip->family == ADDRESS_V4) {
        memcpy(six, mapped, sizeof mapped);
        memcpy(six + 12, ip->ip, 4);
        return same_bits(six, pattern->ip, pattern->bits);
    }
    return memcmp(ip->ip, mapped, sizeof mapped) == 0 && same_bits(ip->ip + 12, pattern->ip, pattern->bits);
}

static bool match_text(const struct pattern *p, struct khap_str text, enum match_method method)
{
    switch (method) {
    case MATCH_BEG:
        return khap__str_starts(text, p->text);
    case MATCH_END:
        return khap__str_ends(text, p->text);
    case MATCH_SUB:
        return contains(text, p->text);
    case MATCH_DIR:
    case MATCH_DOM:
        return match_word(text, p->text, method);
    default:
        return khap__str_eq(text, p->text);
    }
}

/* Among many: the longest one that begins it, else the first one. */
static const struct pattern *find_by_parts(const struct patterns *p, struct khap_str text)
{
    struct text_parts parts;
    struct khap_str part;
    uint32_t best = UINT32_MAX, index;
    khap__text_parts(&parts, text, (enum match_method)p->method, p->longest);
    while (khap__text_part(&parts, &part)) {
        if (!khap__map_get(&p->exact, part, &index))
            continue;
        if (p->method == MATCH_BEG)
            return &p->all.ptr[index];
        if (index < best)
            best = index;
    }
    return best == UINT32_MAX ? NULL : &p->all.ptr[best];
}

static const struct pattern *find_text(struct asking *a, const struct patterns *p, struct khap_str text)
{
    enum match_method method = (enum match_method)p->method;
    if (khap__patterns_indexed(method) && (method == MATCH_BEG || p->all.len > FEW_PATTERNS))
        return find_by_parts(p, text);
    for (uint32_t i = 0; i < p->all.len; i++) {
        const struct pattern *one = &p->all.ptr[i];
        bool matched = false;
        if (method != MATCH_REG)
            matched = match_text(one, text, method);
        else if (khap__regex_exec(one->regex, text, &matched) == KHAP_ENOMEM)
            a->no_memory = true;
        if (matched)
            return &p->all.ptr[i];
    }
    return NULL;
}

static const struct pattern *find_network(const struct patterns *p, const struct network *ip)
{
    const struct pattern *best = NULL;
    for (uint32_t i = 0; i < p->all.len; i++) {
        const struct pattern *one = &p->all.ptr[i];
        if (khap__routing_in_network(ip, &one->network) &&
            (best == NULL || one->network.bits > best->network.bits))
            best = one;
    }
    return best;
}

static const struct pattern *find_number(const struct patterns *p, int64_t n)
{
    for (uint32_t i = 0; i < p->all.len; i++) {
        if (p->all.ptr[i].from <= n && n <= p->all.ptr[i].to)
            return &p->all.ptr[i];
    }
    return NULL;
}

struct khap_str khap__routing_lower(struct asking *a, struct khap_str text)
{
    char *room = khap__arena_bytes(a->arena, text.len + 1);
    if (room == NULL) {
        a->no_memory = true;
        return S("");
    }
    for (size_t i = 0; i < text.len; i++)
        room[i] = (char)khap__lower((unsigned char)text.ptr[i]);
    return (struct khap_str){room, text.len};
}

enum khap_answer khap__routing_matches(struct asking *a, const struct patterns *p,
                                       const struct sample *sample, const struct pattern **which)
{
    struct khap_str text;
    struct network ip;
    int64_t n;
    const struct pattern *found = NULL;
    bool there = sample->state == SAMPLE_KNOWN;
    switch ((enum match_method)p->method) {
    case MATCH_FOUND:
        return there ? KHAP_TRUE : KHAP_FALSE;
    case MATCH_BOOL:
        return there && khap__routing_to_number(sample, &n) && n != 0 ? KHAP_TRUE : KHAP_FALSE;
    case MATCH_INT:
        found = there && khap__routing_to_number(sample, &n) ? find_number(p, n) : NULL;
        break;
    case MATCH_IP:
        found = there && khap__routing_to_ip(sample, &ip) ? find_network(p, &ip) : NULL;
        break;
    case MATCH_AUTH:
        for (uint32_t i = 0; there && found == NULL && i < p->all.len; i++) {
            if (khap__routing_in_group(a->route, (uint32_t)sample->number, sample->text, p->all.ptr[i].text))
                found = &p->all.ptr[i];
        }
        break;
    case MATCH_BIN:
        if (there && (sample->type == SAMPLE_BIN || khap__routing_to_text(a, sample, &text)))
            found = find_text(a, p, sample->type == SAMPLE_BIN ? sample->text : text);
        break;
    case MATCH_LEN:
        found = there && khap__routing_to_text(a, sample, &text) ? find_number(p, (int64_t)text.len) : NULL;
        break;
    default:
        if (there && khap__routing_to_text(a, sample, &text)) {
            found =
                find_text(a, p, p->nocase && p->method != MATCH_REG ? khap__routing_lower(a, text) : text);
            if (p->empty_word && (found == NULL || which != NULL) &&
                (text.len == 0 || khap__is_delimiter(text.ptr[text.len - 1], (enum match_method)p->method)))
                return KHAP_UNKNOWN;
        }
        break;
    }
    if (which != NULL)
        *which = found;
    return found != NULL ? KHAP_TRUE : p->unknown ? KHAP_UNKNOWN : KHAP_FALSE;
}

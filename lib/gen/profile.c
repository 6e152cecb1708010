/*
 * Settings of services as sections `defaults`, from which HAProxy 3.4 makes backends while it runs (`add backend NAME from PROFILE`): those with the same
 * settings share one, and such a backend is its servers alone. A proxy without `from` inherits from the last `defaults` above it, so that profiles, and
 * what is made of them, stand behind everything else. SPDX-License-Identifier: MIT
 */
#include "gen/gen.h"

#define PROFILE "khap-profile"

bool khap__gen_profiles(const struct gen *g)
{
    return g->options->profiles != 0 && g->options->bundle && g->into == NULL && gen_from(g, R(3, 4));
}

/* Without its end, and what stands at both ends. */
static struct khap_str text_of(const struct khap_line *line)
{
    struct khap_str text = khap_line_text(line);
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return khap__str_trim(text);
}

static struct khap_str first_word(struct khap_str line)
{
    return khap__str_sub(line, 0, khap__str_find(line, ' '));
}

static bool is_empty(struct khap_str line)
{
    return line.len == 0 || line.ptr[0] == '#';
}

static bool is_server(struct khap_str line)
{
    return khap__str_eq(first_word(line), S("server"));
}

/* What `defaults` cannot say. */
static bool is_own(struct khap_str line)
{
    static const char *const own[] = {"filter", "stick", "stick-table", "use-server",
                                      "id",     "guid",  "description"};
    struct khap_str word = first_word(line);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (khap__str_eq(word, khap__str(own[i])))
            return true;
    return false;
}

static void copy(struct khap_document *to, const struct khap_document *from, const struct khap_line *line,
                 uint32_t indent)
{
    struct khap_str text = text_of(line);
    if (text.len == 0)
        khap__doc_blank(to);
    else
        khap__doc_raw(to, indent, text, khap_line_origin(from, line));
}

/* The section `defaults`, which profiles begin with. */
void khap__gen_profile_base(struct gen *g)
{
    if (!khap__gen_profiles(g) || g->failure != KHAP_OK)
        return;
    enum khap_status status = khap_document_new(&g->alloc, &g->r.target, &g->tail);
    if (status != KHAP_OK) {
        khap__gen_fail(g, status);
        return;
    }
    khap__doc_blank(g->tail);
    khap__doc_comment(g->tail, 0, NOWHERE,
                      S("Settings that backends share, which come and go while HAProxy runs"));
    khap__doc_begin(g->tail, 0, NOWHERE);
    khap__doc_lit(g->tail, "defaults " PROFILE);
    khap__doc_end(g->tail);
    bool head = false;
    for (const struct khap_line *l = NULL; (l = khap_line_next(g->doc, l)) != NULL;) {
        struct khap_str text = text_of(l);
        if (!head)
            head = khap__str_eq(text, S("defaults"));
        else if (text.len > 0)
            copy(g->tail, g->doc, l, 4);
    }
}

static uint64_t sum_of(const struct khap_document *doc, const struct khap_line *head, bool *shared)
{
    uint64_t sum = KHAP__FNV64;
    *shared = true;
    for (const struct khap_line *l = head; (l = khap_line_next(doc, l)) != NULL;) {
        struct khap_str text = text_of(l);
        if (is_server(text) || is_empty(text))
            continue;
        *shared = *shared && !is_own(text);
        sum = khap__fnv1a64(text, khap__fnv1a64(S("\n"), sum));
    }
    return sum;
}

static void write_profile(struct gen *g, const struct khap_document *doc, const struct khap_line *head,
                          struct khap_str name)
{
    bool found;
    uint32_t old;
    struct khap_str kept;
    enum khap_status status = khap__arena_dup(&g->arena, name, &kept);
    if (status == KHAP_OK)
        status = khap__map_add(&g->profiles, kept, 1, &found, &old);
    if (status != KHAP_OK)
        khap__gen_fail(g, status);
    if (status != KHAP_OK || found)
        return;
    khap__doc_blank(g->tail);
    khap__doc_begin(g->tail, 0, NOWHERE);
    khap__doc_lit(g->tail, "defaults");
    khap__doc_word(g->tail, name);
    khap__doc_lit(g->tail, "from " PROFILE);
    khap__doc_end(g->tail);
    for (const struct khap_line *l = head; (l = khap_line_next(doc, l)) != NULL;)
        if (!is_server(text_of(l)) && !is_empty(text_of(l)))
            copy(g->tail, doc, l, 4);
}

void khap__gen_profiled(struct gen *g, struct khap_document *doc, bool may)
{
    const struct khap_line *head = NULL;
    bool shared = false;
    while ((head = khap_line_next(doc, head)) != NULL &&
           !khap__str_starts(khap_line_text(head), S("backend ")))
        ;
    uint64_t sum = head != NULL && may ? sum_of(doc, head, &shared) : 0;
    if (!shared) {
        for (const struct khap_line *l = NULL; (l = khap_line_next(doc, l)) != NULL;)
            copy(g->doc, doc, l, head != NULL && l != head && khap_line_text(l).ptr[0] == ' ' ? 4 : 0);
        return;
    }
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, S(PROFILE "-"));
    khap__buf_hex(&g->text, sum, 16);
    struct khap_str name = khap__buf_str(&g->text);
    if (g->text.failed)
        khap__gen_fail(g, KHAP_ENOMEM);
    else
        write_profile(g, doc, head, name);
    for (const struct khap_line *l = NULL; (l = khap_line_next(doc, l)) != NULL;) {
        struct khap_str text = text_of(l);
        if (l != head) {
            if (is_empty(text) || is_server(text))
                copy(g->tail, doc, l, is_server(text) ? 4 : 0);
            continue;
        }
        khap__doc_begin(g->tail, 0, khap_line_origin(doc, l));
        khap__doc_lit_n(g->tail, text.ptr, text.len);
        khap__doc_lit(g->tail, "from");
        khap__doc_word(g->tail, name);
        khap__doc_end(g->tail);
    }
}

void khap__gen_profiles_end(struct gen *g)
{
    for (const struct khap_line *l = NULL;
         g->tail != NULL && g->profiles.used > 0 && (l = khap_line_next(g->tail, l)) != NULL;) {
        struct khap_str text = khap_line_text(l);
        copy(g->doc, g->tail, l, text.len > 0 && text.ptr[0] == ' ' ? 4 : 0);
    }
    khap_document_free(g->tail);
    g->tail = NULL;
}

/* How a backend chooses a server, and what it tries again. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

/* The algorithm may have arguments: "uri depth 2", "hdr(host)". */
static void algorithm(struct gen *g, const struct service *s)
{
    for (struct khap_str rest = s->balance; rest.len > 0;) {
        size_t end = khap__str_find(rest, ' ');
        if (end > 0)
            khap__doc_word(g->doc, (struct khap_str){rest.ptr, end});
        rest = khap__str_sub(rest, end + 1, rest.len);
    }
}

static void named(struct gen *g, struct khap_str what, struct khap_str name)
{
    khap__doc_part(g->doc, what);
    khap__doc_part(g->doc, name);
    khap__doc_part(g->doc, S(")"));
    khap__doc_part_end(g->doc);
}

static void hashed(struct gen *g, const struct service *s)
{
    switch ((enum hash_by)s->hash_by) {
    case HASH_URI:
        khap__doc_lit(g->doc, "uri");
        if (gen_from(g, R(2, 2))) /* what is asked for over HTTP/2 has scheme and host before the path */
            khap__doc_lit(g->doc, "path-only");
        break;
    case HASH_HEADER:
        named(g, S("hdr("), s->hash_name);
        break;
    case HASH_COOKIE:
        khap__doc_lit(g->doc, "hash");
        named(g, S("req.cook("), s->hash_name);
        break;
    default:
        khap__doc_lit(g->doc, "source");
        break;
    }
}

void khap__gen_balance(struct gen *g, const struct service *s, const struct raw *extra)
{
    struct khap_document *doc = g->doc;
    struct khap_place place = s->hash_by != HASH_NONE ? s->hash_place : s->place;
    bool chooses = s->hash_by != HASH_NONE || s->balance.len > 0; /* among servers, if there are any */
    if (chooses && !khap__raw_replaces(extra, S("balance"))) {
        khap__doc_begin(doc, 4, place);
        khap__doc_lit(doc, "balance");
        if (s->hash_by == HASH_NONE)
            algorithm(g, s);
        else
            hashed(g, s);
        khap__doc_end(doc);
    }
    if (s->hash_by != HASH_NONE && !khap__raw_replaces(extra, S("hash-type")))
        khap__gen_line(g, 4, "hash-type consistent", place);
    if (s->retries && !khap__raw_replaces(extra, S("retries"))) {
        khap__doc_begin(doc, 4, s->retries->place);
        khap__doc_lit(doc, "retries");
        khap__doc_uint(doc, (uint64_t)s->retries->number);
        khap__doc_end(doc);
    }
    if (!s->retry_on || s->retry_on->n_children == 0 || khap__raw_replaces(extra, S("retry-on")))
        return;
    khap__doc_begin(doc, 4, s->retry_on->place);
    khap__doc_lit(doc, "retry-on");
    for (const struct setting *word = s->retry_on->child; word; word = word->next)
        khap__doc_word(doc, word->text);
    khap__doc_end(doc);
}

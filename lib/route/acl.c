/* route/acl.c - ACLs and conditions: how they are read, and whether they hold. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

/* ---- reading */

static void read_flags(const struct khap_node *node, struct acl *acl, enum match_method *method)
{
    struct patterns *p = &acl->patterns;
    for (const struct khap_node *flag = khap_node_first(node); flag != NULL; flag = khap_node_next(flag)) {
        const struct khap_node *value = flag->first;
        if (flag->kind != KHAP_NODE_FLAG)
            continue;
        if (khap__str_eq(flag->text, S("-i")))
            p->nocase = true;
        else if (khap__str_eq(flag->text, S("-m")) && value != NULL)
            *method = khap__routing_method(value->text);
    }
    p->method = (uint8_t)*method;
}

static void read_patterns(struct compiling *c, const struct khap_node *node, struct acl *acl)
{
    struct patterns *p = &acl->patterns;
    struct khap_str op = S("");
    bool map = false;
    for (const struct khap_node *n = node->first; n != NULL && c->status == KHAP_OK; n = n->next) {
        const struct khap_node *value = n->first;
        if (n->variable)
            acl->unknown = true;
        else if (n->kind == KHAP_NODE_OPERATOR)
            op = n->text;
        else if (n->kind == KHAP_NODE_VALUE)
            khap__patterns_add(c, p, n->text, op);
        else if (n->kind == KHAP_NODE_FLAG && khap__str_eq(n->text, S("-M")))
            map = true;
        else if (n->kind == KHAP_NODE_FLAG && khap__str_eq(n->text, S("-f")) && value != NULL)
            khap__patterns_file(c, p, value->text, map);
    }
}

bool khap__routing_acl(struct compiling *c, const struct khap_node *node, struct acl *out)
{
    const struct khap_node *first = node->first;
    uint8_t type = SAMPLE_NONE;
    enum match_method method = MATCH_NONE;
    *out = (struct acl){.place = c->place, .unknown = c->at.read != KHAP_TRUE};
    khap__map_init(&out->patterns.exact, &c->route->alloc);
    if (first == NULL || first->kind != KHAP_NODE_EXPRESSION) {
        out->unknown = true;
        return true;
    }
    struct expression *e = khap__routing_expression(c, first, true, &type, &method);
    if (e == NULL)
        return false;
    out->expression = *e;
    if (method == MATCH_NONE)
        method = type == SAMPLE_METH ? MATCH_METH
                                     : khap__routing_method(khap__schema_sample_match(
                                           (enum schema_sample)type, c->route->release));
    read_flags(node, out, &method);
    if (method == MATCH_NONE)
        out->unknown = true;
    read_patterns(c, node, out);
    return c->status == KHAP_OK;
}

static const struct {
    const char *name;
    const char *fetch, *match, *value; /* without `fetch` it is a constant */
    uint8_t constant;
} predefined[] = {{"TRUE", NULL, NULL, NULL, KHAP_TRUE},
                  {"FALSE", NULL, NULL, NULL, KHAP_FALSE},
                  {"LOCALHOST", "src", "ip", "127.0.0.0/8 ::1", 0},
                  {"HTTP", "req.proto_http", "bool", "", 0},
                  {"HTTP_1.0", "req.ver", "str", "1.0", 0},
                  {"HTTP_1.1", "req.ver", "str", "1.1", 0},
                  {"HTTP_2.0", "req.ver", "str", "2.0", 0},
                  {"HTTP_3.0", "req.ver", "str", "3.0", 0},
                  {"METH_CONNECT", "method", "meth", "CONNECT", 0},
                  {"METH_DELETE", "method", "meth", "DELETE", 0},
                  {"METH_GET", "method", "meth", "GET HEAD", 0},
                  {"METH_HEAD", "method", "meth", "HEAD", 0},
                  {"METH_OPTIONS", "method", "meth", "OPTIONS", 0},
                  {"METH_POST", "method", "meth", "POST", 0},
                  {"METH_PUT", "method", "meth", "PUT", 0},
                  {"METH_TRACE", "method", "meth", "TRACE", 0},
                  {"HTTP_URL_ABS", "url", "reg", "^[^/:]*://", 0},
                  {"HTTP_URL_SLASH", "url", "beg", "/", 0},
                  {"HTTP_URL_STAR", "url", "str", "*", 0},
                  {"HTTP_CONTENT", "req.hdr_val(content-length)", "int", "1:", 0}};

static struct acl *anonymous(struct compiling *c, const struct khap_node *node)
{
    struct acl_node *one = khap__arena_zalloc(&c->route->arena, 1, sizeof *one);
    if (one == NULL) {
        c->status = KHAP_ENOMEM;
        return NULL;
    }
    one->next = c->route->anonymous;
    c->route->anonymous = one;
    return khap__routing_acl(c, node, &one->acl) ? &one->acl : NULL;
}

/* As if it stood between braces. */
static bool read_predefined(struct compiling *c, size_t which, struct term *term)
{
    enum { MOST = 8 };
    struct khap_value_word words[MOST] = {{S("x"), 0},
                                          {khap__str(predefined[which].fetch), 0},
                                          {S("-m"), 0},
                                          {khap__str(predefined[which].match), 0}};
    uint32_t n = 4;
    const struct khap_node *root;
    struct khap_str value = khap__str(predefined[which].value);
    while (value.len > 0 && n < MOST) {
        size_t end = khap__str_find(value, ' ');
        words[n++] = (struct khap_value_word){khap__str_sub(value, 0, end), 0};
        value = khap__str_sub(value, end + 1, value.len);
    }
    enum khap_status status =
        khap__value_parse(&c->route->arena, KHAP_VALUE_ACL, c->route->release, words, n, &root, NULL);
    if (status != KHAP_OK) {
        c->status = status;
        return false;
    }
    term->anonymous = anonymous(c, root);
    return term->anonymous != NULL;
}

struct khap_str khap__routing_scoped(struct arena *arena, uint32_t section, struct khap_str name)
{
    char *room = khap__arena_bytes(arena, sizeof section + name.len);
    if (room == NULL)
        return (struct khap_str){NULL, 0};
    memcpy(room, &section, sizeof section);
    if (name.len > 0)
        memcpy(room + sizeof section, name.ptr, name.len);
    return (struct khap_str){room, sizeof section + name.len};
}

/* An `acl` line. */
bool khap__routing_acl_line(struct compiling *c, const struct khap_node *node, uint32_t section)
{
    struct khap_route *route = c->route;
    struct acl acl = {.unknown = true};
    struct khap_str key = khap__routing_scoped(&route->arena, section, node->text);
    uint32_t before = 0;
    if (key.ptr == NULL) {
        c->status = KHAP_ENOMEM;
        return false;
    }
    bool found = khap__map_get(&route->acl_names, key, &before);
    bool good = khap__routing_acl(c, node, &acl);
    acl.next = found ? before + 1 : 0; /* the order among them does not matter */
    if (good && khap__map_set(&route->acl_names, key, route->acls.len) == KHAP_OK &&
        VEC_PUSH(&route->alloc, &route->acls, acl))
        return true;
    khap__patterns_free(&route->alloc, &acl.patterns);
    if (c->status == KHAP_OK)
        c->status = KHAP_ENOMEM;
    return false;
}

static uint32_t count_terms(const struct khap_node *node)
{
    uint32_t n = 0;
    for (const struct khap_node *row = node->first; row != NULL; row = row->next) {
        for (const struct khap_node *term = row->first; term != NULL; term = term->next)
            n++;
    }
    return n;
}

const struct condition *khap__routing_condition(struct compiling *c, const struct khap_node *node,
                                                uint32_t section)
{
    uint32_t n = count_terms(node);
    struct condition *condition = khap__arena_zalloc(&c->route->arena, 1, sizeof *condition);
    struct term *terms = khap__arena_zalloc(&c->route->arena, n + 1, sizeof *terms);
    if (condition == NULL || terms == NULL) {
        c->status = KHAP_ENOMEM;
        return NULL;
    }
    *condition = (struct condition){.unless = khap__str_eq(node->text, S("unless")),
                                    .place = c->place,
                                    .section = section,
                                    .terms = terms,
                                    .next = c->route->conditions};
    c->route->conditions = condition;
    for (const struct khap_node *row = node->first; row != NULL; row = row->next) {
        for (const struct khap_node *term = row->first; term != NULL; term = term->next) {
            struct term *t = &terms[condition->n++];
            t->negated = term->negated;
            t->ends = term->next == NULL;
            t->name = term->kind == KHAP_NODE_NAMED ? term->text : S("");
            if (term->kind == KHAP_NODE_ACL && (t->anonymous = anonymous(c, term)) == NULL)
                return NULL;
        }
    }
    return condition;
}

/* All acl lines are known now. */
bool khap__routing_bind_acls(struct compiling *c)
{
    for (struct condition *condition = c->route->conditions; condition != NULL; condition = condition->next) {
        c->place = condition->place;
        for (uint32_t i = 0; i < condition->n; i++) {
            struct term *t = &condition->terms[i];
            uint32_t last;
            if (t->name.len == 0)
                continue;
            struct khap_str key = khap__routing_scoped(&c->route->arena, condition->section, t->name);
            if (key.ptr != NULL && khap__map_get(&c->route->acl_names, key, &last)) {
                t->first = last + 1;
                continue;
            }
            for (size_t p = 0; p < sizeof predefined / sizeof *predefined; p++) {
                if (!khap__str_eq(t->name, khap__str(predefined[p].name)))
                    continue;
                t->known = predefined[p].fetch == NULL;
                t->constant = predefined[p].constant;
                if (!t->known && !read_predefined(c, p, t))
                    return false;
            }
        }
    }
    return true;
}

/* ---- asking */

static enum khap_answer ask_acl(struct asking *a, const struct acl *acl, reasons *why)
{
    struct fetching f = {.all = true};
    struct sample sample;
    enum khap_answer answer = KHAP_FALSE;
    if (acl->unknown) {
        khap__routing_evaluate(a, &acl->expression, &f, &sample); /* it may set a variable */
        *why |= khap__routing_because(a, S("an ACL that is not evaluated"), acl->place);
        return KHAP_UNKNOWN;
    }
    do {
        f.more = false;
        khap__routing_evaluate(a, &acl->expression, &f, &sample);
        enum khap_answer one = KHAP_UNKNOWN;
        if (sample.state == SAMPLE_UNKNOWN)
            *why |= sample.why;
        else
            one = khap__routing_matches(a, &acl->patterns, &sample, NULL);
        if (one == KHAP_UNKNOWN && sample.state != SAMPLE_UNKNOWN)
            *why |= khap__routing_because(a, S("patterns that are not known"), acl->place);
        if (one > answer)
            answer = one;
        f.at++;
        /* HAProxy asks for no other value when a converter fails on one */
    } while (f.more && answer != KHAP_TRUE && sample.state != SAMPLE_ABSENT);
    return answer;
}

enum khap_answer khap__routing_term(struct asking *a, const struct term *t, struct khap_place place,
                                    reasons *why)
{
    enum khap_answer answer = KHAP_FALSE;
    if (t->known)
        answer = (enum khap_answer)t->constant;
    else if (t->anonymous != NULL)
        answer = ask_acl(a, t->anonymous, why);
    else if (t->first == 0) {
        *why |= khap__routing_because(a, t->name, place);
        answer = KHAP_UNKNOWN;
    }
    for (uint32_t at = t->first; at != 0 && answer != KHAP_TRUE; at = a->route->acls.ptr[at - 1].next) {
        enum khap_answer one = ask_acl(a, &a->route->acls.ptr[at - 1], why);
        if (one > answer)
            answer = one;
    }
    return t->negated ? (enum khap_answer)(KHAP_TRUE - answer) : answer;
}

enum khap_answer khap__routing_holds(struct asking *a, const struct condition *condition, reasons *why)
{
    enum khap_answer any = KHAP_FALSE, row = KHAP_TRUE;
    reasons of_rows = 0, of_row = 0;
    if (condition == NULL)
        return KHAP_TRUE;
    for (uint32_t i = 0; i < condition->n && any != KHAP_TRUE; i++) {
        const struct term *t = &condition->terms[i];
        if (row != KHAP_FALSE) {
            enum khap_answer one = khap__routing_term(a, t, condition->place, &of_row);
            if (one < row)
                row = one;
        }
        if (!t->ends)
            continue;
        if (row > any)
            any = row;
        if (row == KHAP_UNKNOWN)
            of_rows |= of_row;
        row = KHAP_TRUE;
        of_row = 0;
    }
    if (any == KHAP_UNKNOWN)
        *why |= of_rows;
    return condition->unless ? (enum khap_answer)(KHAP_TRUE - any) : any;
}

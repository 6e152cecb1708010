/* route/rules.c - what actions do. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static const struct rule_argument *find(const struct rule *rule, uint8_t type, struct khap_str option)
{
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rule_argument *one = &rule->arguments[i];
        if (one->type == type && (option.len == 0 || khap__str_eq(one->option, option)))
            return one;
    }
    return NULL;
}

static bool has_option(const struct rule *rule, struct khap_str word)
{
    for (uint32_t i = 0; i < rule->n_options; i++) {
        if (khap__str_eq(rule->options[i], word))
            return true;
    }
    return false;
}

bool khap__routing_has_word(const struct rule *rule, struct khap_str word)
{
    for (uint32_t i = 2; i < rule->n_all; i++) {
        if (khap__str_eq(rule->all[i].text, word))
            return true;
    }
    return false;
}

struct khap_str khap__routing_method_word(const struct rule *rule)
{
    for (uint32_t i = 3; i + 1 < rule->n_all; i++) { /* a name stands before */
        if (khap__str_eq(rule->all[i].text, S("-m")))
            return rule->all[i + 1].text;
    }
    return S("");
}

/* The first argument that is a log format. */
static void format_as(struct asking *a, const struct rule *rule, bool http, struct sample *out)
{
    for (uint32_t i = 0; i < rule->n; i++) {
        if (rule->arguments[i].format != NULL) {
            khap__routing_format(a, rule->arguments[i].format, http, out);
            return;
        }
    }
    khap__sample_unknown(out, khap__routing_because(a, rule->words, rule->place));
}

static void format(struct asking *a, const struct rule *rule, struct sample *out)
{
    format_as(a, rule, true, out);
}

/* The new value of something; unknown where the rule may not act. */
static void put(struct asking *a, struct sample *where, struct sample value)
{
    if (a->maybe != 0)
        khap__sample_unknown(&value,
                             a->maybe | value.why | (where->state == SAMPLE_UNKNOWN ? where->why : 0));
    *where = value;
}

RULE(rule_none)
{
    return false;
}

/* ---- ends */

RULE(rule_allow)
{
    a->rest |= a->maybe;
    return a->maybe == 0;
}

static int64_t status_of(const struct rule *rule, struct khap_str option, int64_t otherwise)
{
    struct sample text;
    int64_t n = otherwise;
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rule_argument *one = &rule->arguments[i];
        if (!khap__str_eq(one->option, option))
            continue;
        khap__sample_text(&text, SAMPLE_STR, one->text);
        (void)khap__routing_to_number(&text, &n);
    }
    return n;
}

static bool end_with(struct asking *a, const struct rule *rule, enum khap_route_kind kind, int64_t status)
{
    struct outcome *o = khap__routing_outcome(a, kind, rule->place);
    if (o != NULL)
        o->public.status = (uint32_t)status;
    return a->maybe == 0;
}

/* A status is an argument in some releases, one of the words of a list in others. */
RULE(rule_deny)
{
    int64_t n = khap__str_eq(rule->words, S("tarpit")) ? 500 : 403;
    struct sample text;
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rule_argument *one = &rule->arguments[i];
        khap__sample_text(&text, SAMPLE_STR, one->text);
        if (one->type == TYPE_ATOI || one->type == TYPE_STATUS)
            (void)khap__routing_to_number(&text, &n);
    }
    for (uint32_t i = 0; i < rule->n_options; i++) {
        khap__sample_text(&text, SAMPLE_STR, rule->options[i]);
        if (khap__is_digit((unsigned char)*rule->options[i].ptr))
            (void)khap__routing_to_number(&text, &n);
    }
    return end_with(a, rule, KHAP_ROUTE_DENIED, n);
}

RULE(rule_return)
{
    return end_with(a, rule, KHAP_ROUTE_ANSWER, status_of(rule, S("status"), 200));
}

/* A proxy of this configuration hears nothing of what drops its TCP connection silently. */
RULE(rule_reject)
{
    if (a->through && a->by_tcp && khap__str_eq(rule->words, S("silent-drop")))
        return end_with(a, rule, KHAP_ROUTE_ANSWER, 504);
    khap__routing_closed(a, rule->place);
    return a->maybe == 0;
}

RULE(rule_service)
{
    return end_with(a, rule, KHAP_ROUTE_SERVICE, 0);
}

/* Asks for a password. */
RULE(rule_auth)
{
    return end_with(a, rule, KHAP_ROUTE_DENIED, 401);
}

/* ---- redirects */

static void first_field(struct asking *a, struct khap_str name, struct sample *out)
{
    *out = (struct sample){.state = SAMPLE_ABSENT};
    for (uint32_t i = 0; i < a->state->fields.len && out->state == SAMPLE_ABSENT; i++) {
        if (khap__str_eq_nocase(a->state->fields.ptr[i].name, name))
            *out = a->state->fields.ptr[i].value;
    }
    if (a->state->fields_why != 0)
        khap__sample_unknown(out, a->state->fields_why);
}

RULE(rule_redirect)
{
    static const struct khap_str kinds[] = {{"location", 8}, {"prefix", 6}, {"scheme", 6}};
    struct sample target = {.state = SAMPLE_ABSENT}, host = {.state = SAMPLE_ABSENT};
    size_t kind = 0;
    struct buf b;
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rule_argument *one = &rule->arguments[i];
        for (size_t k = 0; k < 3; k++) {
            if (!khap__str_eq(one->option, kinds[k]))
                continue;
            kind = k;
            if (one->format != NULL)
                khap__routing_format(a, one->format, true, &target);
            else
                khap__sample_text(&target, SAMPLE_STR, one->text);
        }
    }
    struct outcome *o = khap__routing_outcome(a, KHAP_ROUTE_REDIRECT, rule->place);
    if (o == NULL)
        return true;
    o->public.status = (uint32_t)status_of(rule, S("code"), 302);
    struct khap_str path = khap__routing_path_of(a->state->target.text), query = {NULL, 0};
    if (kind == 2) {
        first_field(a, S("host"), &host);
        host.text.len = khap__routing_value_end(host.text, 0);
    }
    reasons why = target.why | host.why | (kind > 0 ? a->state->target.why : 0);
    if (why != 0) { /* that there is one is certain, where it leads is not */
        o->why |= why;
        return a->maybe == 0;
    }
    if (path.len == 0)
        path = S("/");
    query = khap__str_sub(path, khap__str_find(path, '?'), path.len);
    path.len -= query.len;
    if (has_option(rule, S("drop-query")))
        query = S("");
    khap__buf_init(&b, &a->route->alloc);
    if (kind == 1 && khap__str_eq(target.text, S("/")))
        target.text = S("");
    khap__buf_add(&b, target.text);
    if (kind == 2) {
        khap__buf_add(&b, S("://"));
        khap__buf_add(&b, host.state == SAMPLE_KNOWN ? host.text : S(""));
    }
    if (kind > 0) {
        khap__buf_add(&b, path);
        if (has_option(rule, S("append-slash")) && !khap__str_ends(path, S("/")))
            khap__buf_char(&b, '/');
        khap__buf_add(&b, query);
    }
    a->no_memory = a->no_memory || b.failed;
    o->public.location = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
    return a->maybe == 0;
}

/* ---- the request line */

RULE(rule_set_method)
{
    struct sample value;
    format(a, rule, &value);
    if (value.state == SAMPLE_KNOWN)
        value.type = SAMPLE_METH;
    put(a, &a->state->method, value);
    return false;
}

RULE(rule_set_uri)
{
    struct sample value;
    format(a, rule, &value);
    put(a, &a->state->target, value);
    return false;
}

/* What stands before the path, the path, and from `?` on. */
struct target {
    struct khap_str before, path, query;
};

static struct target parts(const struct asking *a)
{
    struct khap_str all = a->state->target.text, path = khap__routing_path_of(all);
    size_t mark = khap__str_find(path, '?');
    return (struct target){khap__str_sub(all, 0, all.len - path.len), khap__str_sub(path, 0, mark),
                           khap__str_sub(path, mark, path.len)};
}

static void set_target(struct asking *a, const struct target *t, reasons why)
{
    struct sample value;
    struct buf b;
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_add(&b, t->before);
    khap__buf_add(&b, t->path);
    khap__buf_add(&b, t->query);
    a->no_memory = a->no_memory || b.failed;
    khap__sample_text(&value, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
    khap__buf_free(&b);
    if (t->before.len > 0 && khap__routing_path_of(a->state->target.text).len == 0) /* releases differ */
        why |= khap__routing_because(a, S("a path in place of none"), a->listener->place);
    if (why != 0 || a->state->target.state == SAMPLE_UNKNOWN)
        khap__sample_unknown(&value, why | a->state->target.why);
    put(a, &a->state->target, value);
}

RULE(rule_set_path)
{
    struct target t = parts(a);
    struct sample value;
    format(a, rule, &value);
    t.path = value.text;
    set_target(a, &t, value.why);
    return false;
}

RULE(rule_set_pathq)
{
    struct target t = parts(a);
    struct sample value;
    format(a, rule, &value);
    t.path = value.text;
    t.query = S("");
    set_target(a, &t, value.why);
    return false;
}

RULE(rule_set_query)
{
    struct target t = parts(a);
    struct sample value;
    struct buf b;
    format(a, rule, &value);
    khap__buf_init(&b, &a->route->alloc);
    khap__buf_char(&b, '?');
    khap__buf_add(&b, value.text);
    t.query = khap__buf_str(&b);
    a->no_memory = a->no_memory || b.failed;
    set_target(a, &t, value.why);
    khap__buf_free(&b);
    return false;
}

/* What the rule makes of a text. False: nothing. */
static bool replaced(struct asking *a, const struct rule *rule, struct khap_str text, struct khap_str *out,
                     reasons *why)
{
    struct khap_str groups[KHAP__REGEX_GROUPS];
    struct sample replacement;
    struct buf b;
    bool matched = false;
    if (rule->regex == NULL) {
        *why |= khap__routing_because(a, rule->words, rule->place);
        return true;
    }
    if (khap__regex_find(rule->regex, text, true, groups, &matched) != KHAP_OK)
        a->no_memory = true;
    if (!matched)
        return false;
    format(a, rule, &replacement);
    *why |= replacement.why;
    khap__buf_init(&b, &a->route->alloc);
    khap__routing_expand(&b, replacement.text, groups);
    a->no_memory = a->no_memory || b.failed;
    *out = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
    return true;
}

RULE(rule_replace_path)
{
    struct target t = parts(a);
    reasons why = a->state->target.why;
    if (replaced(a, rule, t.path, &t.path, &why))
        set_target(a, &t, why);
    return false;
}

RULE(rule_replace_pathq)
{
    struct target t = parts(a);
    reasons why = a->state->target.why;
    struct khap_str both = {t.path.ptr, t.path.len + t.query.len};
    if (replaced(a, rule, both, &t.path, &why)) {
        t.query = S("");
        set_target(a, &t, why);
    }
    return false;
}

RULE(rule_replace_uri)
{
    struct target t = {a->state->target.text, S(""), S("")};
    reasons why = a->state->target.why;
    if (replaced(a, rule, t.before, &t.before, &why))
        set_target(a, &t, why);
    return false;
}

/* ---- header fields */

static struct khap_str name_of(const struct rule *rule)
{
    const struct rule_argument *name = find(rule, TYPE_HEADER, S(""));
    return name == NULL ? S("") : name->text;
}

static void add_field(struct asking *a, struct khap_str name, struct sample value)
{
    if (khap__str_eq_nocase(name, S("host")))
        khap__routing_new_host(a, &value);
    if (!VEC_PUSH(&a->route->alloc, &a->state->fields, ((struct field){name, value})))
        a->no_memory = true;
}

/* Drops the fields of that name; where the rule may not act, what they hold is unknown from then on. */
static reasons drop_fields(struct asking *a, struct khap_str name)
{
    reasons why = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->state->fields.len; i++) {
        struct field *field = &a->state->fields.ptr[i];
        if (khap__str_eq_nocase(field->name, name)) {
            why |= field->value.why;
            continue;
        }
        a->state->fields.ptr[kept++] = *field;
    }
    a->state->fields.len = kept;
    return why;
}

RULE(rule_set_header)
{
    struct sample value;
    format(a, rule, &value);
    reasons why = drop_fields(a, name_of(rule));
    if (a->maybe != 0)
        khap__sample_unknown(&value, a->maybe | why | value.why);
    add_field(a, name_of(rule), value);
    return false;
}

RULE(rule_add_header)
{
    struct sample value;
    format(a, rule, &value);
    if (a->maybe != 0)
        khap__sample_unknown(&value, a->maybe | value.why);
    add_field(a, name_of(rule), value);
    return false;
}

/* `del-header NAME -m beg`; HAProxy has names in lower case, a pattern is taken as it stands. */
static bool name_matches(struct asking *a, const struct rule *rule, struct khap_str method,
                         struct khap_str name)
{
    struct khap_str text = name_of(rule), groups[KHAP__REGEX_GROUPS];
    bool matched = false;
    if (khap__str_eq(method, S("reg"))) {
        if (khap__regex_find(rule->regex, khap__routing_lower(a, name), true, groups, &matched) != KHAP_OK)
            a->no_memory = true;
        return matched;
    }
    if (khap__str_eq(method, S("str")))
        return khap__str_eq_nocase(name, text);
    if (text.len > name.len)
        return false;
    size_t from = khap__str_eq(method, S("end")) ? name.len - text.len : 0;
    size_t to = khap__str_eq(method, S("sub")) ? name.len - text.len : from;
    for (; from <= to; from++) {
        if (khap__str_eq_nocase(khap__str_sub(name, from, text.len), text))
            return true;
    }
    return false;
}

static void drop_matching(struct asking *a, const struct rule *rule, struct khap_str method)
{
    uint32_t kept = 0;
    reasons why = a->maybe;
    bool all = khap__str_eq(method, S("reg")) && rule->regex == NULL; /* perhaps all */
    if (all)
        why |= khap__routing_because(a, rule->words, rule->place);
    for (uint32_t i = 0; i < a->state->fields.len; i++) {
        struct field *field = &a->state->fields.ptr[i];
        bool matches = all || name_matches(a, rule, method, field->name);
        if (matches && why == 0)
            continue;
        if (matches)
            khap__sample_unknown(&field->value, why | field->value.why);
        a->state->fields.ptr[kept++] = *field;
    }
    a->state->fields.len = kept;
}

RULE(rule_del_header)
{
    struct sample value;
    struct khap_str method = khap__routing_method_word(rule);
    if (method.len > 0) {
        drop_matching(a, rule, method);
        return false;
    }
    reasons why = drop_fields(a, name_of(rule));
    if (a->maybe == 0)
        return false;
    khap__sample_unknown(&value, a->maybe | why);
    if (!VEC_PUSH(&a->route->alloc, &a->state->fields, ((struct field){name_of(rule), value})))
        a->no_memory = true;
    return false;
}

RULE(rule_replace_header)
{
    struct khap_str name = name_of(rule);
    for (uint32_t i = 0; i < a->state->fields.len; i++) {
        struct field *field = &a->state->fields.ptr[i];
        struct khap_str text = field->value.text;
        struct sample value;
        reasons why = 0;
        if (field->value.state != SAMPLE_KNOWN || !khap__str_eq_nocase(field->name, name) ||
            !replaced(a, rule, text, &text, &why))
            continue;
        khap__sample_text(&value, SAMPLE_STR, text);
        if (why != 0)
            khap__sample_unknown(&value, why);
        put(a, &field->value, value);
        if (khap__str_eq_nocase(name, S("host")))
            khap__routing_new_host(a, &field->value);
    }
    return false;
}

/* Each value of a list by itself. */
RULE(rule_replace_value)
{
    struct khap_str name = name_of(rule);
    for (uint32_t i = 0; i < a->state->fields.len; i++) {
        struct field *field = &a->state->fields.ptr[i];
        struct khap_str text = field->value.text;
        struct sample value;
        struct buf b;
        reasons why = 0;
        bool changed = false;
        if (field->value.state != SAMPLE_KNOWN || !khap__str_eq_nocase(field->name, name))
            continue;
        khap__buf_init(&b, &a->route->alloc);
        for (size_t at = 0; at <= text.len;) {
            size_t end = khap__routing_value_end(text, at);
            struct khap_str part = khap__str_sub(text, at, end - at), one = khap__str_trim(part), out = one;
            bool now = replaced(a, rule, one, &out, &why);
            changed = changed || now;
            khap__buf_add(&b, now ? out : part); /* blanks around what is replaced go */
            if (end < text.len)
                khap__buf_char(&b, ',');
            at = end + 1;
        }
        a->no_memory = a->no_memory || b.failed;
        khap__sample_text(&value, SAMPLE_STR, khap__routing_keep(a, khap__buf_str(&b)));
        khap__buf_free(&b);
        if (why != 0)
            khap__sample_unknown(&value, why);
        if (changed)
            put(a, &field->value, value);
        if (changed && khap__str_eq_nocase(name, S("host")))
            khap__routing_new_host(a, &field->value);
    }
    return false;
}

/* ---- addresses */

static void first_expression(struct asking *a, const struct rule *rule, struct sample *out)
{
    struct fetching f = {.all = false};
    *out = (struct sample){.state = SAMPLE_ABSENT};
    for (uint32_t i = 0; i < rule->n; i++) {
        if (rule->arguments[i].expression != NULL)
            khap__routing_evaluate(a, rule->arguments[i].expression, &f, out);
    }
}

/* What is no address changes nothing. */
static void set_address(struct asking *a, const struct rule *rule, struct sample *where)
{
    struct sample value;
    struct network ip;
    first_expression(a, rule, &value);
    if (value.state == SAMPLE_KNOWN && khap__routing_to_ip(&value, &ip)) {
        value = (struct sample){.state = SAMPLE_KNOWN,
                                .type = ip.family == ADDRESS_V4 ? SAMPLE_IPV4 : SAMPLE_IPV6};
        memcpy(value.ip, ip.ip, sizeof ip.ip);
    } else if (value.state != SAMPLE_UNKNOWN) {
        return;
    }
    put(a, where, value);
}

static void set_port(struct asking *a, const struct rule *rule, struct sample *where, struct sample *address)
{
    struct sample value;
    int64_t n = 0;
    first_expression(a, rule, &value);
    if (value.state == SAMPLE_KNOWN && khap__routing_to_number(&value, &n))
        khap__sample_number(&value, SAMPLE_SINT, n & 0xffff);
    else if (value.state != SAMPLE_UNKNOWN)
        return;
    if (address->state == SAMPLE_ABSENT) /* of a socket without one */
        put(a, address, (struct sample){.state = SAMPLE_KNOWN, .type = SAMPLE_IPV4});
    put(a, where, value);
}

RULE(rule_set_src)
{
    set_address(a, rule, &a->state->source);
    return false;
}

RULE(rule_set_src_port)
{
    set_port(a, rule, &a->state->source_port, &a->state->source);
    return false;
}

RULE(rule_set_dst)
{
    set_address(a, rule, &a->state->destination);
    return false;
}

RULE(rule_set_dst_port)
{
    set_port(a, rule, &a->state->destination_port, &a->state->destination);
    return false;
}

/* ---- variables */

static struct khap_str variable_of(const struct rule *rule, bool *plain)
{
    struct khap_str name = rule->inner;
    *plain = khap__str_find(name, ',') == name.len;
    return khap__str_sub(name, 0, khap__str_find(name, ','));
}

void khap__routing_set_variable(struct asking *a, struct khap_str name, struct sample value)
{
    for (uint32_t i = 0; i < a->state->variables.len; i++) {
        if (khap__str_eq(a->state->variables.ptr[i].name, name)) {
            put(a, &a->state->variables.ptr[i].value, value);
            return;
        }
    }
    struct variable v = {name, {.state = SAMPLE_ABSENT}};
    put(a, &v.value, value);
    if (!VEC_PUSH(&a->route->alloc, &a->state->variables, v))
        a->no_memory = true;
}

static bool set_var(struct asking *a, const struct rule *rule, struct sample value)
{
    bool plain;
    struct khap_str name = variable_of(rule, &plain);
    if (!plain)
        khap__sample_unknown(&value, khap__routing_because(a, rule->inner, rule->place));
    /* a fetch that fails leaves the variable as it was */
    if (value.state != SAMPLE_ABSENT)
        khap__routing_set_variable(a, name, value);
    return false;
}

RULE(rule_set_var)
{
    struct sample value;
    first_expression(a, rule, &value);
    return set_var(a, rule, value);
}

RULE(rule_set_var_fmt)
{
    struct sample value;
    format_as(a, rule, false, &value);
    return set_var(a, rule, value);
}

RULE(rule_unset_var)
{
    bool plain;
    khap__routing_set_variable(a, variable_of(rule, &plain), (struct sample){.state = SAMPLE_ABSENT});
    return false;
}

/* The variable in the parentheses holds what the resolvers say. */
RULE(rule_do_resolve)
{
    struct sample value;
    bool plain;
    khap__sample_unknown(&value, khap__routing_because(a, rule->words, rule->place));
    khap__routing_set_variable(a, variable_of(rule, &plain), value);
    return false;
}

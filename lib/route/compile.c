/* route/compile.c - a bundle made ready for questions. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

void khap_route_options_init(struct khap_route_options *options)
{
    *options = (struct khap_route_options){.size = sizeof *options};
}

static struct khap_str keep(struct compiling *c, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&c->route->arena, text, &kept) != KHAP_OK)
        c->status = KHAP_ENOMEM;
    return kept;
}

/* The words of a line, kept. */
static struct khap_value_word *keep_words(struct compiling *c)
{
    struct khap_value_word *words = khap__arena_zalloc(&c->route->arena, c->at.n + 1, sizeof *words);
    if (words == NULL)
        c->status = KHAP_ENOMEM;
    for (size_t i = 0; words != NULL && i < c->at.n; i++)
        words[i] = (struct khap_value_word){keep(c, c->at.words[i].text), c->at.words[i].variable};
    return words;
}

static struct proxy *proxy_of(struct compiling *c, uint32_t section)
{
    struct khap_route *route = c->route;
    while (route->proxies.len <= section) {
        if (!VEC_PUSH(&route->alloc, &route->proxies, (struct proxy){.mode = MODE_UNSET})) {
            c->status = KHAP_ENOMEM;
            return NULL;
        }
    }
    return &route->proxies.ptr[section];
}

static bool is(struct khap_str text, const char *word)
{
    return khap__str_eq(text, khap__str(word));
}

/* ---- arguments */

static const struct khap_node *parse(struct compiling *c, uint32_t kind, const struct khap_value_word *words,
                                     size_t n)
{
    const struct khap_node *root = NULL;
    enum khap_status status =
        khap__value_parse(&c->route->arena, kind, c->route->release, words, n, &root, NULL);
    if (status != KHAP_OK && status != KHAP_EINPUT)
        c->status = status;
    return status == KHAP_OK ? root : NULL;
}

static void read_format(struct compiling *c, const struct khap_value_word *word, struct rule_argument *out)
{
    const struct khap_node *root = word->variable ? NULL : parse(c, KHAP_VALUE_FORMAT, word, 1);
    if (root != NULL)
        out->format = khap__routing_format_of(c, root);
}

/* An expression is one word; each that follows continues it. */
static void read_expression(struct compiling *c, const struct khap_value_word *words, uint32_t n,
                            struct rule_argument *out)
{
    struct buf b;
    uint8_t type = SAMPLE_NONE;
    enum match_method method = MATCH_NONE;
    struct khap_value_word whole = {words[0].text, 0};
    khap__buf_init(&b, &c->route->alloc);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            khap__buf_char(&b, ',');
        khap__buf_add(&b, words[i].text);
        whole.variable |= words[i].variable;
    }
    if (b.failed)
        c->status = KHAP_ENOMEM;
    whole.text = keep(c, khap__buf_str(&b));
    khap__buf_free(&b);
    const struct khap_node *root =
        whole.variable || c->status != KHAP_OK ? NULL : parse(c, KHAP_VALUE_SAMPLE, &whole, 1);
    if (root != NULL)
        out->expression = khap__routing_expression(c, root, false, &type, &method);
}

static bool is_redirect_target(struct khap_str option)
{
    return is(option, "location") || is(option, "prefix") || is(option, "scheme");
}

static void read_argument(struct compiling *c, struct rule *rule, const struct khap_value_word *words,
                          const struct schema_argument *a)
{
    const struct schema_line *line = c->at.schema;
    if (a->type == TYPE_CONDITION) {
        const struct khap_node *root = parse(c, KHAP_VALUE_CONDITION, words + a->word, a->n_words);
        rule->condition = root == NULL ? NULL : khap__routing_condition(c, root, c->at.section);
        rule->unclear = rule->unclear || root == NULL;
        rule->n_all = a->word;
        return;
    }
    struct rule_argument *out = &rule->arguments[rule->n++];
    struct khap_value_word one = words[a->word];
    one.text = khap__str_sub(one.text, a->offset, a->n_words == 1 ? a->len : SIZE_MAX);
    *out = (struct rule_argument){.type = a->type, .text = one.text};
    if (a->option != UINT32_MAX)
        out->option = khap__schema_text(line->options[a->option].row->words);
    if (a->type == TYPE_EXPR)
        read_expression(c, words + a->word, a->n_words, out);
    else if (a->type == TYPE_LOGFORMAT || a->type == TYPE_DYNAMIC ||
             (is_redirect_target(out->option) && is(rule->words, "redirect")))
        read_format(c, &one, out);
    else
        rule->unclear = rule->unclear || one.variable;
}

/* What stands in the parentheses of a word. */
static struct khap_str inside(struct khap_str word)
{
    size_t open = khap__str_find(word, '(');
    struct khap_str inner = khap__str_sub(word, open + 1, word.len);
    if (khap__str_ends(inner, S(")")))
        inner.len--;
    return inner;
}

static void read_regex(struct compiling *c, struct rule *rule)
{
    for (uint32_t i = 0; i < rule->n; i++) {
        bool name = rule->arguments[i].type == TYPE_HEADER && is(khap__routing_method_word(rule), "reg");
        if ((rule->arguments[i].type != TYPE_REGEX && !name) || rule->regex != NULL)
            continue;
        struct regex_node *node = khap__arena_zalloc(&c->route->arena, 1, sizeof *node);
        enum khap_status status =
            node == NULL ? KHAP_ENOMEM
                         : khap__regex_groups(&c->route->alloc, rule->arguments[i].text, false, &node->regex);
        if (status == KHAP_OK) {
            node->next = c->route->regexes;
            c->route->regexes = node;
            rule->regex = node->regex;
        } else if (status == KHAP_ENOMEM) {
            c->status = status;
        }
    }
}

/* A line of a rule set: what it does, with what, and when. */
static void read_rule(struct compiling *c, enum rule_set set, struct khap_str table)
{
    const struct schema_line *line = c->at.schema;
    struct proxy *proxy = proxy_of(c, c->at.section);
    struct khap_value_word *words = keep_words(c);
    struct rule rule = {.line = c->at.line, .place = c->place, .read = (uint8_t)c->at.read};
    if (proxy == NULL || words == NULL)
        return;
    rule.arguments = khap__arena_zalloc(&c->route->arena, line->n_arguments + 1, sizeof *rule.arguments);
    rule.options = khap__arena_zalloc(&c->route->arena, line->n_options + 1, sizeof *rule.options);
    if (rule.arguments == NULL || rule.options == NULL) {
        c->status = KHAP_ENOMEM;
        return;
    }
    rule.words = khap__schema_text(line->row->words);
    rule.all = words;
    rule.n_all = (uint32_t)c->at.n;
    for (uint32_t i = 0; i < line->n_options; i++) {
        const struct schema_option *option = &line->options[i];
        struct khap_str name = khap__schema_text(option->row->words);
        if (i == 0 && table.len > 1) {
            rule.words = name;
            rule.run = khap__routing_rule(table, name);
            rule.inner = inside(words[option->word].text);
        } else {
            rule.options[rule.n_options++] = name;
        }
    }
    for (uint32_t i = 0; i < line->n_arguments && c->status == KHAP_OK; i++)
        read_argument(c, &rule, words, &line->arguments[i]);
    read_regex(c, &rule);
    if (set == RULES_REDIRECT)
        rule.run = khap__routing_rule(S("http-request"), S("redirect"));
    if (c->status == KHAP_OK && !VEC_PUSH(&c->route->alloc, &proxy->rules[set], rule))
        c->status = KHAP_ENOMEM;
}

/* ---- other lines */

static bool has_option(const struct schema_line *line, const char *word)
{
    for (uint32_t i = 0; i < line->n_options; i++) {
        if (is(khap__schema_text(line->options[i].row->words), word))
            return true;
    }
    return false;
}

static bool has_any(const struct schema_line *line, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (has_option(line, *words))
            return true;
    }
    return false;
}

/* Said of a server, or of all that follow: what it does with connections is not evaluated. */
static const char *const special_server[] = {"ssl",    "no-ssl",    "source",      "proto",
                                             "socks4", "namespace", "resolve-net", NULL};
/* The same in `default-server`; there what is evaluated of a server is not. */
static const char *const special_default[] = {"ssl",
                                              "no-ssl",
                                              "source",
                                              "proto",
                                              "socks4",
                                              "namespace",
                                              "send-proxy",
                                              "send-proxy-v2",
                                              "send-proxy-v2-ssl",
                                              "send-proxy-v2-ssl-cn",
                                              "disabled",
                                              "backup",
                                              NULL};
static const char *const send_proxy[] = {"send-proxy", "send-proxy-v2", "send-proxy-v2-ssl",
                                         "send-proxy-v2-ssl-cn", NULL};
static const char *const special_bind[] = {"proto", "namespace", "accept-netscaler-cip", NULL};

static void read_bind(struct compiling *c, struct proxy *proxy)
{
    struct khap_str rest = c->at.n > 1 ? keep(c, c->at.words[1].text) : S("");
    while (rest.len > 0 && c->status == KHAP_OK) {
        struct listener l = {.text = khap__str_sub(rest, 0, khap__str_find(rest, ',')),
                             .line = c->at.line,
                             .place = c->place,
                             .tls = has_option(c->at.schema, "ssl"),
                             .accept_proxy = has_option(c->at.schema, "accept-proxy"),
                             .special = has_any(c->at.schema, special_bind),
                             .read = (uint8_t)c->at.read};
        rest = khap__str_sub(rest, l.text.len + 1, rest.len);
        if (khap__address_parse(l.text, &l.address) != VALUE_OK)
            continue;
        if (l.address.prefix == PREFIX_QUIC4 || l.address.prefix == PREFIX_QUIC6)
            l.tls = true;
        if (!VEC_PUSH(&c->route->alloc, &proxy->listeners, l))
            c->status = KHAP_ENOMEM;
    }
}

/* On this machine, and perhaps this HAProxy itself. */
static bool is_local(const struct address *a)
{
    static const uint8_t one[16] = {[15] = 1};
    if (a->family == ADDRESS_UNIX || a->family == ADDRESS_ABNS)
        return true;
    return a->has_port && !a->relative_port &&
           ((a->family == ADDRESS_V4 && a->ip[0] == 127) ||
            (a->family == ADDRESS_V6 && memcmp(a->ip, one, sizeof one) == 0));
}

static void read_server(struct compiling *c, struct proxy *proxy)
{
    const struct schema_line *line = c->at.schema;
    struct server s = {.backup = has_option(line, "backup"),
                       .disabled = has_option(line, "disabled"),
                       .send_proxy = has_any(line, send_proxy),
                       .special = has_any(line, special_server),
                       .line = c->at.line,
                       .line_place = c->place};
    if (c->at.n < 3)
        return;
    s.name = keep(c, c->at.words[1].text);
    s.address = keep(c, c->at.words[2].text);
    s.local = khap__address_parse(s.address, &s.parsed) == VALUE_OK && is_local(&s.parsed);
    s.place = khap__view_place(c->at.doc, c->at.line, c->at.reader,
                               (struct khap_span){0, 0, 2, (uint32_t)s.address.len});
    for (uint32_t i = 0; i < line->n_arguments; i++) {
        const struct schema_argument *a = &line->arguments[i];
        if (a->option != UINT32_MAX && is(khap__schema_text(line->options[a->option].row->words), "cookie"))
            s.cookie = keep(c, c->at.words[a->word].text);
    }
    if (c->status == KHAP_OK && !VEC_PUSH(&c->route->alloc, &proxy->servers, s))
        c->status = KHAP_ENOMEM;
}

static void read_mode(struct proxy *proxy, struct khap_str word)
{
    proxy->mode = (uint8_t)(is(word, "http") ? MODE_HTTP : is(word, "tcp") ? MODE_TCP : MODE_OTHER);
}

static const struct {
    const char *words;
    enum rule_set set;
    const char *table;
} rule_lines[] = {{"tcp-request connection", RULES_CONNECTION, "tcp-request-connection"},
                  {"tcp-request session", RULES_SESSION, "tcp-request-session"},
                  {"tcp-request content", RULES_CONTENT, "tcp-request-content"},
                  {"http-request", RULES_HTTP, "http-request"},
                  {"redirect", RULES_REDIRECT, ""},
                  {"use_backend", RULES_SWITCH, ""},
                  {"use-server", RULES_SERVER, ""}};

/* Lines that may decide what becomes of a request, and are not evaluated. */
static bool is_not_evaluated(struct khap_str words)
{
    static const char *const all[] = {"block",
                                      "dispatch",
                                      "filter",
                                      "monitor fail",
                                      "monitor-net",
                                      "transparent",
                                      "option http_proxy",
                                      "option transparent",
                                      "server-template"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (is(words, all[i]))
            return true;
    }
    /* those of old that change or refuse requests */
    return khap__str_starts(words, S("req")) || is(words, "cliexp");
}

/* Any `stats` line switches them on. */
static void read_statistics(struct compiling *c, struct proxy *proxy, struct khap_str words,
                            struct khap_str value)
{
    if (proxy->stats_uri.len == 0)
        proxy->stats_uri = S("/haproxy?stats");
    proxy->stats_place = c->place;
    if (is(words, "stats uri"))
        proxy->stats_uri = keep(c, value);
}

/* A setting that may not be read, or is not all known; rules and ACLs say so themselves. */
static void note_unclear(struct compiling *c, struct proxy *proxy, struct khap_str words)
{
    bool unclear = c->at.read != KHAP_TRUE;
    for (size_t i = 0; i < c->at.n; i++)
        unclear = unclear || c->at.words[i].variable;
    if (!unclear || is(words, "acl"))
        return;
    proxy->unclear = true;
    proxy->unclear_place = c->place;
    if (is(words, "bind")) {
        c->route->unclear_listener = true;
        c->route->unclear_place = c->place;
    }
}

/* `option forwardfor except NET header NAME if-none` */
static void read_added_field(struct compiling *c, struct added_field *out)
{
    *out = (struct added_field){.there = true};
    for (size_t i = 2; i < c->at.n; i++) {
        struct khap_str word = c->at.words[i].text, next = i + 1 < c->at.n ? c->at.words[i + 1].text : S("");
        if (is(word, "if-none"))
            out->if_none = true;
        else if (is(word, "header"))
            out->name = keep(c, next);
        else if (is(word, "except"))
            out->has_except = khap__routing_read_network(next, &out->except);
    }
}

static void read_option(struct compiling *c, struct proxy *proxy, struct khap_str words)
{
    if (is(words, "option forwardfor")) {
        read_added_field(c, &proxy->forwardfor);
    } else if (is(words, "option originalto")) {
        read_added_field(c, &proxy->originalto);
    } else if (is(words, "option http-restrict-req-hdr-names") && c->at.n > 2) {
        struct khap_str what = c->at.words[2].text;
        proxy->restricts = true;
        proxy->restrict_place = c->place;
        proxy->restrict_names = is(what, "delete")   ? NAMES_DELETE
                                : is(what, "reject") ? NAMES_REJECT
                                                     : NAMES_ANY;
    } else if (is(words, "option accept-invalid-http-request") ||
               is(words, "option accept-unsafe-violations-in-http-request")) {
        proxy->lax = true;
    }
}

static void read_line(struct compiling *c)
{
    const struct schema_line *line = c->at.schema;
    struct khap_str words = khap__schema_text(line->row->words);
    struct proxy *proxy = proxy_of(c, c->at.section);
    struct khap_str value =
        c->at.n > line->keyword + line->n_keyword ? c->at.words[line->keyword + line->n_keyword].text : S("");
    if (proxy == NULL)
        return;
    for (size_t i = 0; i < sizeof rule_lines / sizeof *rule_lines; i++) {
        if (is(words, rule_lines[i].words)) {
            read_rule(c, rule_lines[i].set, khap__str(rule_lines[i].table));
            return;
        }
    }
    note_unclear(c, proxy, words);
    if (is(words, "acl")) {
        struct khap_value_word *kept = keep_words(c);
        const struct khap_node *root = kept == NULL ? NULL : parse(c, KHAP_VALUE_ACL, kept + 1, c->at.n - 1);
        if (root != NULL)
            (void)khap__routing_acl_line(c, root, c->at.section);
    } else if (is(words, "bind")) {
        read_bind(c, proxy);
    } else if (is(words, "server")) {
        read_server(c, proxy);
    } else if (is(words, "source")) {
        proxy->special = true;
    } else if (is(words, "default-server")) {
        proxy->special = proxy->special || has_any(line, special_default);
    } else if (is(words, "mode")) {
        read_mode(proxy, value);
    } else if (is(words, "default_backend")) {
        proxy->default_backend = keep(c, value);
        proxy->default_backend_line = c->at.line;
        proxy->default_backend_place = c->place;
    } else if (is(words, "monitor-uri")) {
        proxy->monitor_uri = keep(c, value);
    } else if (khap__str_starts(words, S("stats "))) {
        read_statistics(c, proxy, words, value);
    } else if (is_not_evaluated(words)) {
        read_rule(c, RULES_CONTENT, S("-"));
    } else if (khap__str_starts(words, S("option "))) {
        read_option(c, proxy, words);
    } else if (is(words, "cookie")) {
        proxy->cookie = keep(c, value);
    } else if (is(words, "disabled") || is(words, "enabled")) {
        proxy->disabled = is(words, "disabled");
        proxy->enabled = !proxy->disabled;
    }
}

static void read_unix_prefix(struct compiling *c)
{
    for (size_t i = 1; i + 1 < c->at.n && is(c->at.words[0].text, "unix-bind"); i++) {
        if (is(c->at.words[i].text, "prefix"))
            c->route->unix_prefix = keep(c, c->at.words[i + 1].text);
    }
}

static enum khap_status on_line(void *ctx, const struct view_line *at)
{
    struct compiling *c = ctx;
    if (at->section == VIEW_NONE || at->schema->row == NULL || at->schema->problem != SCHEMA_GOOD ||
        at->schema->prefix != 0 || at->table == TABLE_SECTION)
        return KHAP_OK;
    c->at = *at;
    c->place = khap_line_origin(at->doc, at->line);
    if (at->table == TABLE_GLOBAL)
        read_unix_prefix(c);
    if (at->table == TABLE_GLOBAL && c->status == KHAP_OK)
        c->status = khap__view_note_path(&c->route->arena, at->words, at->n, &c->paths);
    if (at->table == TABLE_USERLIST)
        khap__routing_userlist_line(c);
    if (at->table == TABLE_FRONTEND || at->table == TABLE_BACKEND || at->table == TABLE_LISTEN ||
        at->table == TABLE_DEFAULTS)
        read_line(c);
    return c->status;
}

/* ---- what sections inherit */

static void inherit(struct compiling *c)
{
    const struct khap_view *view = c->route->view;
    for (uint32_t i = 0; i < view->sections.len; i++) {
        const struct view_section *section = &view->sections.ptr[i];
        struct proxy *proxy = proxy_of(c, i);
        if (proxy == NULL)
            return;
        bool listen = khap__str_eq(section->kind, S("listen"));
        proxy->frontend = listen || khap__str_eq(section->kind, S("frontend"));
        proxy->backend = listen || khap__str_eq(section->kind, S("backend"));
        proxy->is_proxy = (proxy->frontend || proxy->backend) && section->read != KHAP_FALSE;
        if (section->read == KHAP_UNKNOWN) {
            proxy->unclear = true;
            proxy->unclear_place = khap_line_origin(view->files.ptr[section->file].doc, section->head);
        }
        if (section->definition != VIEW_NONE)
            proxy->name = view->definitions.ptr[section->definition].name;
        uint32_t depth = 0;
        for (uint32_t from = section->defaults; from != VIEW_NONE && depth < view->sections.len; depth++) {
            const struct proxy *defaults = proxy_of(c, from);
            if (defaults == NULL)
                return;
            proxy = proxy_of(c, i);
            if (proxy->mode == MODE_UNSET)
                proxy->mode = defaults->mode;
            proxy->special = proxy->special || defaults->special;
            proxy->disabled = proxy->disabled || (defaults->disabled && !proxy->enabled);
            if (defaults->unclear && !proxy->unclear) {
                proxy->unclear = true;
                proxy->unclear_place = defaults->unclear_place;
            }
            if (proxy->default_backend.len == 0 && proxy->frontend) {
                proxy->default_backend = defaults->default_backend;
                proxy->default_backend_line = defaults->default_backend_line;
                proxy->default_backend_place = defaults->default_backend_place;
            }
            if (proxy->monitor_uri.len == 0)
                proxy->monitor_uri = defaults->monitor_uri;
            if (!proxy->forwardfor.there)
                proxy->forwardfor = defaults->forwardfor;
            if (!proxy->originalto.there)
                proxy->originalto = defaults->originalto;
            if (!proxy->restricts) {
                proxy->restricts = defaults->restricts;
                proxy->restrict_names = defaults->restrict_names;
                proxy->restrict_place = defaults->restrict_place;
            }
            proxy->lax = proxy->lax || defaults->lax;
            if (proxy->cookie.len == 0)
                proxy->cookie = defaults->cookie;
            if (proxy->stats_uri.len == 0) {
                proxy->stats_uri = defaults->stats_uri;
                proxy->stats_place = defaults->stats_place;
            }
            from = view->sections.ptr[from].defaults;
        }
    }
}

/* Backends are many, and no client comes in at one. */
static void find_listening(struct compiling *c)
{
    struct khap_route *route = c->route;
    for (uint32_t i = 0; i < route->proxies.len; i++) {
        const struct proxy *proxy = &route->proxies.ptr[i];
        if (proxy->is_proxy && proxy->frontend && !proxy->disabled && proxy->listeners.len > 0 &&
            !VEC_PUSH(&route->alloc, &route->listening, i))
            c->status = KHAP_ENOMEM;
    }
}

enum khap_status khap_route_new(const struct khap_alloc *alloc, struct khap_bundle *bundle,
                                const struct khap_target *target, const struct khap_route_options *options,
                                struct khap_diags *diags, struct khap_route **out)
{
    if (out == NULL || bundle == NULL || target == NULL ||
        (options != NULL && options->size != sizeof *options))
        return KHAP_EINVAL;
    struct khap_alloc a = khap__alloc_or_default(alloc);
    *out = NULL;
    struct khap_route *route = khap__alloc(&a, 1, sizeof *route);
    if (route == NULL)
        return KHAP_ENOMEM;
    *route = (struct khap_route){.alloc = a,
                                 .release = target->last,
                                 .bundle = bundle,
                                 .files = options != NULL ? options->files : NULL,
                                 .crypt = options != NULL ? options->crypt : NULL,
                                 .crypt_ctx = options != NULL ? options->crypt_ctx : NULL,
                                 .digest = options != NULL ? options->digest : NULL,
                                 .digest_ctx = options != NULL ? options->digest_ctx : NULL};
    khap__arena_init(&route->arena, &route->alloc);
    khap__map_init(&route->acl_names, &route->alloc);
    struct compiling c = {.route = route, .status = KHAP_OK};
    const struct view_listener listener = {&c, on_line, NULL, NULL, NULL, false};
    enum khap_status status = khap__view_new(alloc, bundle, target, options != NULL ? options->facts : NULL,
                                             &listener, diags, &route->view);
    if (status == KHAP_OK)
        inherit(&c);
    if (status == KHAP_OK)
        find_listening(&c);
    if (status == KHAP_OK && c.status == KHAP_OK)
        (void)khap__routing_bind_acls(&c);
    if (status == KHAP_OK && c.status == KHAP_OK && !khap__routing_find_runs(route))
        c.status = KHAP_ENOMEM;
    route->files = NULL;
    if (status == KHAP_OK)
        status = c.status;
    if (status != KHAP_OK) {
        khap_route_free(route);
        return status;
    }
    *out = route;
    return KHAP_OK;
}

void khap_route_free(struct khap_route *route)
{
    if (route == NULL)
        return;
    struct khap_alloc a = route->alloc;
    for (uint32_t i = 0; i < route->proxies.len; i++) {
        struct proxy *proxy = &route->proxies.ptr[i];
        khap__routing_free_runs(route, proxy);
        for (int set = 0; set < RULE_SETS; set++)
            VEC_FREE(&a, &proxy->rules[set]);
        VEC_FREE(&a, &proxy->servers);
        VEC_FREE(&a, &proxy->listeners);
    }
    for (uint32_t i = 0; i < route->acls.len; i++)
        khap__patterns_free(&a, &route->acls.ptr[i].patterns);
    for (struct acl_node *one = route->anonymous; one != NULL; one = one->next)
        khap__patterns_free(&a, &one->acl.patterns);
    for (struct pattern_map *map = route->maps; map != NULL; map = map->next)
        khap__patterns_free(&a, &map->patterns);
    for (struct regex_node *one = route->regexes; one != NULL; one = one->next)
        khap__regex_free(one->regex);
    VEC_FREE(&a, &route->proxies);
    VEC_FREE(&a, &route->acls);
    VEC_FREE(&a, &route->users);
    VEC_FREE(&a, &route->listening);
    khap__map_free(&route->acl_names);
    khap_view_free(route->view);
    khap__arena_free(&route->arena);
    khap__free(&a, route, 1, sizeof *route);
}

/* The sections `global` and `defaults`. SPDX-License-Identifier: MIT */
#include "gen/gen.h"

static struct khap_str text_of(const struct setting *object, enum key key)
{
    const struct setting *s = khap__setting_find(object, key);
    return s && s->kind == SETTING_TEXT ? s->text : (struct khap_str){NULL, 0};
}

/* A line of global with one word of the user's, when it is given. */
static void word_line(struct gen *g, const struct setting *object, enum key key, const char *directive)
{
    const struct setting *s = khap__setting_find(object, key);
    if (!s || s->kind != SETTING_TEXT || !khap__gen_own(g, &g->global, directive, s->place))
        return;
    khap__doc_word(g->doc, s->text);
    khap__doc_end(g->doc);
}

static void socket_line(struct gen *g)
{
    const struct setting *socket = khap__setting_find(g->r.process, KEY_PROCESS_SOCKET);
    struct khap_str path = text_of(socket, KEY_PROCESS_SOCKET_PATH);
    if (path.len == 0 || !khap__gen_own(g, &g->global, "stats socket", socket->place))
        return;
    khap__doc_word(g->doc, path);
    static const struct {
        enum key key;
        char word[8];
    } options[] = {{KEY_PROCESS_SOCKET_USER, "user"}, {KEY_PROCESS_SOCKET_GROUP, "group"}};
    struct khap_str mode = text_of(socket, KEY_PROCESS_SOCKET_MODE);
    khap__doc_lit(g->doc, "mode");
    khap__doc_word(g->doc, mode.len > 0 ? mode : S("600"));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct khap_str value = text_of(socket, options[i].key);
        if (value.len > 0) {
            khap__doc_word(g->doc, khap__str(options[i].word));
            khap__doc_word(g->doc, value);
        }
    }
    khap__doc_lit(g->doc, "level admin");
    if (gen_from(g, R(1, 8))) /* a new process takes the listeners over through it */
        khap__doc_lit(g->doc, "expose-fd listeners");
    khap__doc_end(g->doc);
}

void khap__gen_global(struct gen *g)
{
    struct khap_document *doc = g->doc;
    khap__doc_blank(doc);
    khap__gen_section_comment(g, NOWHERE, S("global"));
    khap__doc_begin(doc, 0, NOWHERE);
    khap__doc_lit(doc, "global");
    khap__doc_end(doc);
    khap__gen_log(g);
    word_line(g, g->r.process, KEY_PROCESS_CHROOT, "chroot");
    word_line(g, g->r.process, KEY_PROCESS_USER, "user");
    word_line(g, g->r.process, KEY_PROCESS_GROUP, "group");
    socket_line(g);
    if (g->options->bundle && gen_from(g, R(2, 4)) &&
        khap__gen_own(g, &g->global, "default-path config", NOWHERE))
        khap__doc_end(doc); /* side files are found beside haproxy.cfg */
    /* Look-ups in a map cost less than to miss this cache; only regexes gain by it. */
    if (g->routing == ROUTING_MAPS && khap__gen_own(g, &g->global, "tune.pattern.cache-size 0", NOWHERE))
        khap__doc_end(doc);
    if (g->options->server_states.len > 0 && khap__gen_own(g, &g->global, "server-state-file", NOWHERE)) {
        khap__doc_word(doc, g->options->server_states);
        khap__doc_end(doc);
    }
    khap__gen_tls_global(g);
    khap__raw_write(&g->global, RAW_SETTING, doc, 4);
}

void khap__gen_defaults(struct gen *g)
{
    static const char lines[][40] = {
        "mode http",
        "option dontlognull",
        "option redispatch",
        "retries 3",
        "balance roundrobin",
        "timeout connect 5s",
        "timeout client 1m",
        "timeout server 1m",
        "timeout http-request 10s",
        "timeout queue 30s",
        "timeout http-keep-alive 10s",
        "timeout tunnel 1h",
        "timeout client-fin 30s",
        "timeout server-fin 30s",
        "timeout check 5s",
        "default-server inter 2s fall 3 rise 2",
    };
    struct khap_document *doc = g->doc;
    khap__doc_blank(doc);
    khap__gen_section_comment(g, NOWHERE, S("defaults"));
    khap__doc_begin(doc, 0, NOWHERE);
    khap__doc_lit(doc, "defaults");
    khap__doc_end(doc);
    bool logs = !(g->r.log && g->r.log->kind == SETTING_OFF);
    if (logs) {
        khap__doc_begin(doc, 4, NOWHERE);
        khap__doc_lit(doc, "log global");
        khap__doc_end(doc);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (khap__gen_own(g, &g->defaults, lines[i], NOWHERE))
            khap__doc_end(doc);
        /* Without a log the format of its lines would be a warning. */
        if (i == 0 && logs)
            khap__gen_log_format(g);
    }
    if (g->options->server_states.len > 0 &&
        khap__gen_own(g, &g->defaults, "load-server-state-from-file global", NOWHERE))
        khap__doc_end(doc);
    for (enum raw_group group = RAW_SETTING; group <= RAW_USE_SERVER; group++)
        khap__raw_write(&g->defaults, group, doc, 4);
}

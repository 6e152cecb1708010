/* What our sections rely on, said in each of them where the defaults are not ours: in somebody's own file.
 * SPDX-License-Identifier: MIT */
#include "gen/gen.h"

#include "gen/into.h"

struct frame_line {
    char words[32];
    bool http_only;
};

static const struct frame_line frontend_lines[] = {
    {"option dontlognull", false},         {"option http-keep-alive", true},
    {"timeout client 1m", false},          {"timeout http-request 10s", true},
    {"timeout http-keep-alive 10s", true}, {"timeout client-fin 30s", false},
};
static const struct frame_line backend_lines[] = {
    {"option redispatch", false},  {"option http-keep-alive", true},  {"retries 3", false},
    {"timeout connect 5s", false}, {"timeout server 1m", false},      {"timeout queue 30s", false},
    {"timeout tunnel 1h", false},  {"timeout server-fin 30s", false}, {"timeout check 5s", false},
};

static bool logs(const struct gen *g)
{
    return g->into ? g->into->global_logs || g->into->here.logs
                   : !(g->r.log && g->r.log->kind == SETTING_OFF);
}

void khap__gen_tcplog(struct gen *g, struct khap_place place)
{
    /* a format of the defaults may hold what mode tcp cannot have, logged or not */
    if (logs(g) || (g->into && g->into->here.http_format))
        khap__gen_tcp_format(g, place);
}

/* Defaults that say it cannot be taken back; before 2.4 an exception stays until another one replaces it. */
void khap__gen_forwardfor(struct gen *g, struct khap_place place)
{
    khap__gen_line(g, 4,
                   g->into && g->into->here.forwards ? "option forwardfor except 255.255.255.255"
                                                     : "option forwardfor",
                   place);
}

static void write_lines(struct gen *g, const struct frame_line *lines, size_t n, bool tcp,
                        const struct raw *extra, struct khap_place place)
{
    for (size_t i = 0; i < n; i++) {
        if (tcp && lines[i].http_only)
            continue;
        if (!extra || !khap__raw_replaces(extra, khap__str(lines[i].words)))
            khap__gen_line(g, 4, lines[i].words, place);
    }
}

void khap__gen_frontend_frame(struct gen *g, bool tcp, const struct raw *extra, struct khap_place place)
{
    if (!g->into)
        return;
    if (g->into->here.disabled)
        khap__gen_line(g, 4, "enabled", place);
    if (!tcp)
        khap__gen_line(g, 4, "mode http", place);
    khap__gen_taken_back(g, true, tcp, NULL, place);
    if (logs(g) && !g->into->here.logs && !g->into->here.logs_global)
        khap__gen_line(g, 4, "log global", place);
    if (logs(g) && !tcp && !g->into->here.http_format)
        khap__gen_line(g, 4, "option httplog", place);
    write_lines(g, frontend_lines, sizeof frontend_lines / sizeof *frontend_lines, tcp, extra, place);
}

/* `s` is NULL for sections of khap's own. */
void khap__gen_backend_frame(struct gen *g, bool tcp, const struct service *s, const struct raw *extra,
                             struct khap_place place)
{
    if (!g->into)
        return;
    if (g->into->here.disabled)
        khap__gen_line(g, 4, "enabled", place);
    if (!tcp)
        khap__gen_line(g, 4, "mode http", place);
    if (!tcp && g->into->here.forwards) /* a header or an exception there would win over the frontend's */
        khap__gen_forwardfor(g, place);
    khap__gen_taken_back(g, false, tcp, s, place);
    if (!s && tcp) /* the algorithm of the defaults may be one for HTTP */
        khap__gen_line(g, 4, "balance roundrobin", place);
    for (size_t i = 0; i < sizeof backend_lines / sizeof *backend_lines; i++) {
        const char *words = backend_lines[i].words;
        bool said = s && ((s->retries && strcmp(words, "retries 3") == 0) ||
                          (s->connect > 0 && strcmp(words, "timeout connect 5s") == 0) ||
                          (s->server_timeout > 0 && strcmp(words, "timeout server 1m") == 0) ||
                          (s->queue > 0 && strcmp(words, "timeout queue 30s") == 0) ||
                          (s->tunnel > 0 && strcmp(words, "timeout tunnel 1h") == 0));
        if (!said)
            write_lines(g, &backend_lines[i], 1, tcp, extra, place);
    }
    if (!s && g->into->here.server_words != 0 && gen_from(g, R(1, 8))) { /* a service says more of it */
        khap__doc_begin(g->doc, 4, place);
        khap__doc_lit(g->doc, "default-server");
        khap__gen_default_server(g, NULL);
        khap__doc_end(g->doc);
    }
    if (s && s->check.on && (s->check.type == CHECK_TCP || s->check.type == CHECK_TLS) &&
        g->into->here.checks)
        khap__gen_line(g, 4, "option tcp-check", place); /* a connection, and not what the defaults check */
    if (s && s->check.on && (s->check.type == CHECK_TCP || s->check.type == CHECK_TLS) &&
        g->into->here.checks && g->into->here.tcp_checks)
        khap__gen_line(g, 4, "tcp-check connect default", place);
}

/* What is logged, where to, and how: lines of `global`, `defaults` and of frontends. SPDX-License-Identifier: MIT */
#include "gen/gen.h"
#include "model/parts.h"

static const struct setting *of_log(const struct gen *g, enum key key)
{
    return khap__setting_find(g->r.log, key);
}

static bool is_json(const struct gen *g)
{
    return khap__is_text(of_log(g, KEY_LOG_FORMAT), S("json"));
}

static void log_line(struct gen *g, struct khap_str to, struct khap_place place)
{
    const struct setting *facility = of_log(g, KEY_LOG_FACILITY);
    bool stream = khap__str_eq(to, S("stdout")) || khap__str_eq(to, S("stderr"));
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "log");
    struct address address;
    if (!stream && khap__address_parse(to, &address) == VALUE_OK && address.family == ADDRESS_V6)
        khap__gen_address(g, &address); /* old releases write it otherwise */
    else
        khap__doc_word(g->doc, to);
    if (is_json(g)) /* a line that is cut is no JSON */
        khap__doc_lit(g->doc, "len 65535");
    if (stream)
        khap__doc_lit(g->doc, "format raw");
    khap__doc_word(g->doc, facility ? facility->text : S("local0"));
    khap__doc_end(g->doc);
}

void khap__gen_log(struct gen *g)
{
    const struct setting *log = g->r.log, *to = of_log(g, KEY_LOG_TO);
    if (log && log->kind == SETTING_OFF)
        return;
    if (!to || !to->child)
        log_line(g, gen_from(g, R(1, 9)) ? S("stdout") : S("/dev/log"), log ? log->place : NOWHERE);
    for (const struct setting *s = to ? to->child : NULL; s; s = s->next)
        log_line(g, s->text, log->place);
}

/* ---- JSON ---- */

/* Texts that a client writes go through `json`: a byte outside of ASCII becomes the character of its number. %rc is no number when
 * there is a + before it. */
static const char json_begins[] =
    "{\"time\":%Ts.%ms,\"client\":\"%ci\",\"clientPort\":%cp,\"frontend\":\"%f\",";
static const char json_connection[] =
    "\"backend\":\"%b\",\"server\":\"%s\",\"bytes\":%B,\"termination\":\"%ts\",\"retries\":\"%rc\",";
static const char json_request[] =
    "\"status\":%ST,\"method\":\"%[capture.req.method,json]\",\"host\":\"%[capture.req.hdr(0),json]\","
    "\"uri\":\"%[capture.req.uri,json]\","
    "\"milliseconds\":{\"request\":%TR,\"queue\":%Tw,\"connect\":%Tc,\"response\":%Tr,\"all\":%Ta}";
static const char json_tcp[] = "\"milliseconds\":{\"queue\":%Tw,\"connect\":%Tc,\"all\":%Tt}";
static const char json_error[] = "\"error\":\"%[fc_err_str,json]\",";

static void json_headers(struct gen *g, struct buf *out)
{
    const struct setting *headers = of_log(g, KEY_LOG_HEADERS);
    uint32_t at = 1; /* 0 is Host */
    if (!headers || !headers->child)
        return;
    khap__buf_add(out, S(",\"headers\":{"));
    for (const struct setting *h = headers->child; h; h = h->next) {
        khap__buf_char(out, '"');
        khap__logformat_quote(out, h->text); /* names hold neither quotes nor backslashes */
        khap__buf_add(out, S("\":\"%[capture.req.hdr("));
        khap__buf_uint(out, at++);
        khap__buf_add(out, h->next ? S("),json]\",") : S("),json]\""));
    }
    khap__buf_char(out, '}');
}

/* `error`: of a connection or a request that came to nothing. */
static void json_format(struct gen *g, bool tcp, bool error, struct khap_place place)
{
    khap__doc_begin(g->doc, 4, place);
    if (error)
        khap__doc_lit(g->doc, "error-log-format");
    else
        khap__doc_lit(g->doc, "log-format");
    khap__buf_clear(&g->text);
    khap__buf_add(&g->text, khap__str(json_begins));
    khap__buf_add(&g->text, khap__str(json_connection));
    if (error)
        khap__buf_add(&g->text, khap__str(json_error));
    khap__buf_add(&g->text, khap__str(tcp ? json_tcp : json_request));
    if (!tcp)
        json_headers(g, &g->text);
    khap__buf_char(&g->text, '}');
    khap__doc_word(g->doc, khap__buf_str(&g->text));
    khap__doc_end(g->doc);
}

static void json_formats(struct gen *g, bool tcp, struct khap_place place)
{
    json_format(g, tcp, false, place);
    /* older releases have a line of their own for these, which is no JSON */
    if (gen_from(g, R(2, 5)) && !khap__raw_replaces(&g->defaults, S("error-log-format")))
        json_format(g, tcp, true, place);
}

/* A format of the map's lines for `defaults` stands in place of ours; HAProxy warns of two. */
static bool replaced(const struct gen *g)
{
    static const char *const formats[] = {"log-format", "option httplog", "option tcplog", "option httpslog"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (khap__raw_replaces(&g->defaults, khap__str(formats[i])))
            return true;
    }
    return false;
}

void khap__gen_log_format(struct gen *g)
{
    const struct setting *format = of_log(g, KEY_LOG_FORMAT);
    if (replaced(g))
        return;
    if (is_json(g)) {
        json_formats(g, false, format->place);
    } else if (!format || khap__is_text(format, S("http"))) {
        khap__gen_line(g, 4, "option httplog", NOWHERE);
    } else {
        khap__doc_begin(g->doc, 4, format->place);
        khap__doc_lit(g->doc, "log-format");
        khap__doc_word(g->doc, format->text);
        khap__doc_end(g->doc);
    }
}

void khap__gen_tcp_format(struct gen *g, struct khap_place place)
{
    if (is_json(g) && !replaced(g))
        json_formats(g, true, place);
    else
        khap__gen_line(g, 4, "option tcplog", place);
}

static void capture(struct gen *g, struct khap_str name, uint32_t len, struct khap_place place)
{
    khap__doc_begin(g->doc, 4, place);
    khap__doc_lit(g->doc, "capture request header");
    khap__doc_word(g->doc, name);
    khap__doc_lit(g->doc, "len");
    khap__doc_uint(g->doc, len);
    khap__doc_end(g->doc);
}

/* All of them fit into the longest line even where each byte becomes six. */
void khap__gen_captures(struct gen *g)
{
    const struct setting *headers = of_log(g, KEY_LOG_HEADERS);
    uint32_t n = headers ? headers->n_children : 0;
    if (is_json(g))
        capture(g, S("Host"), 255, g->r.log->place);
    for (const struct setting *h = n > 0 ? headers->child : NULL; h; h = h->next)
        capture(g, h->text, n <= 32 ? 255 : n < 8160 ? 8160 / n : 1, h->place);
}

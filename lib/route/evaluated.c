/* route/evaluated.c - which function evaluates a fetch, a converter or an action. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

/* A fetch, a converter or a rule: one of them is there. */
struct evaluated {
    const char *what, *words;
    fetch_function fetch;
    convert_function convert;
    rule_function rule;
};

#define AS_fetch(function)                  .fetch = khap__##function
#define AS_converter(function)              .convert = khap__##function
#define AS_http_request(function)           .rule = khap__##function
#define AS_tcp_request_connection(function) .rule = khap__##function
#define AS_tcp_request_session(function)    .rule = khap__##function
#define AS_tcp_request_content(function)    .rule = khap__##function
#define ROW(what, words, function)          {#what, words, AS_##what(function)},
static const struct evaluated rows[] = {
#include "route/evaluated.inc"
};
#undef ROW

/* `what` with - for _. */
static bool is_what(const char *a, struct khap_str b)
{
    size_t i = 0;
    while (a[i] != '\0' && i < b.len && (a[i] == b.ptr[i] || (a[i] == '_' && b.ptr[i] == '-')))
        i++;
    return a[i] == '\0' && i == b.len;
}

static const struct evaluated *find(struct khap_str what, struct khap_str words)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (khap__str_eq(words, khap__str(rows[i].words)) && is_what(rows[i].what, what))
            return &rows[i];
    }
    return NULL;
}

fetch_function khap__routing_fetch(struct khap_str name)
{
    const struct evaluated *row = find(S("fetch"), name);
    return row == NULL ? NULL : row->fetch;
}

convert_function khap__routing_convert(struct khap_str name)
{
    const struct evaluated *row = find(S("converter"), name);
    return row == NULL ? NULL : row->convert;
}

rule_function khap__routing_rule(struct khap_str set, struct khap_str words)
{
    const struct evaluated *row = find(set, words);
    return row == NULL ? NULL : row->rule;
}

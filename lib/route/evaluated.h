/* route/evaluated.h - the functions that evaluated.tsv names. SPDX-License-Identifier: MIT */
#ifndef ROUTE_EVALUATED_H
#define ROUTE_EVALUATED_H

#include "route/ask.h"

/* Most of them need some of these only. */
#define UNUSED __attribute__((unused))
#define FETCH(name)                                                                                          \
    void khap__##name(struct asking *a UNUSED, const struct call *call UNUSED, struct fetching *f UNUSED,    \
                      struct sample *out UNUSED)
#define CONVERTER(name)                                                                                      \
    void khap__##name(struct asking *a UNUSED, const struct call *call UNUSED, struct sample *s UNUSED)
#define RULE(name) bool khap__##name(struct asking *a UNUSED, const struct rule *rule UNUSED)

#define DECLARE_fetch(function)                  FETCH(function);
#define DECLARE_converter(function)              CONVERTER(function);
#define DECLARE_http_request(function)           RULE(function);
#define DECLARE_tcp_request_connection(function) DECLARE_http_request(function)
#define DECLARE_tcp_request_session(function)    DECLARE_http_request(function)
#define DECLARE_tcp_request_content(function)    DECLARE_http_request(function)
#define ROW(what, words, function)               DECLARE_##what(function)
#include "route/evaluated.inc"
#undef ROW

#endif

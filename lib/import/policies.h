/* import/policies.h - one line of a backend as a key of its service, or of a route. SPDX-License-Identifier: MIT */
#ifndef IMPORT_POLICIES_H
#define IMPORT_POLICIES_H

#include "import/import.h"

struct policy {
    struct import *im;
    struct import_service *service;
    struct import_line *line;
    uint32_t at;                    /* the first word behind those of the row */
    bool shared;                    /* all services have the line: it is the defaults' */
    const struct import_mark *mark; /* of a route that has it for itself */
    uint32_t route;                 /* its place in `routes` */
};

bool khap__policy_set(const struct policy *p, const char *key, struct khap_str yaml);
bool khap__policy_text(const struct policy *p, const char *key, struct khap_str text);
/* It is said if the generated configuration has the same line. */
bool khap__policy_claim(const struct policy *p, bool good);
/* A format without any format in it, as the text that it gives. */
bool khap__policy_literal(struct policy *p, struct khap_str format, struct khap_str *text);
struct khap_str khap__policy_decimal(struct policy *p, uint32_t n);
bool khap__policy_rate(struct policy *p);

/* answers.c: whether a row of the table is said */
bool khap__policy_host(struct policy *p);
bool khap__policy_rewrite(struct policy *p);
bool khap__policy_redirect(struct policy *p);
bool khap__policy_deny(struct policy *p);
bool khap__policy_set_path(struct policy *p);
bool khap__policy_return(struct policy *p);
bool khap__policy_compression(struct policy *p);
bool khap__policy_error_page(struct policy *p);
bool khap__policy_origin(struct policy *p);
bool khap__policy_cors(struct policy *p);

#endif

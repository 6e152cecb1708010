/* model/outside.h - what stands in somebody's own file around the block that a map is for. SPDX-License-Identifier: MIT */
#ifndef MODEL_OUTSIDE_H
#define MODEL_OUTSIDE_H

#include "base/map.h"
#include "base/vec.h"
#include "value/value.h"
#include <khap/cfg.h>

struct bind {
    struct address address;
    struct khap_str text; /* as written */
    struct khap_place place;
};

/*
 * The addresses of a line `bind` (index 1), or `stats socket` (2), that was read into `words`. `put` gets each that can
 * meet one of ours, its text as in the words; family ADDRESS_NAME: only the port is known.
 */
typedef enum khap_status khap__bind_sink(void *ctx, const struct bind *bind);
enum khap_status khap__binds_of_words(const struct khap_words *words, size_t index, struct khap_place line,
                                      khap__bind_sink *put, void *ctx);

enum section_mode { SECTION_MODE_UNKNOWN, SECTION_HTTP, SECTION_TCP };
/* A section that is not khap's. */
struct own_section {
    struct khap_str kind, name; /* name empty: without, or not known */
    struct khap_place place;    /* its first line */
    uint8_t mode;               /* enum section_mode */
    bool conditional;           /* within .if */
};

/* A frontend outside that holds `# BEGIN khapgen routes NAME`. */
struct outside_routes {
    struct khap_str name;
    struct khap_place place; /* of the mark */
    struct bind *binds;      /* those of its section whose addresses are known */
    uint32_t n_binds;
    bool has_default; /* the section has a default_backend, or servers, itself */
    struct khap_place default_place;
};

struct outside {
    VEC(struct own_section) sections;
    struct map
        proxies; /* name of a frontend, backend or listen -> index of sections; a backend before a frontend */
    VEC(struct bind) binds;
    VEC(struct outside_routes) routes;
};

#endif

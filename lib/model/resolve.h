/* model/resolve.h - the steps of khap__resolve(), a file each. SPDX-License-Identifier: MIT */
#ifndef MODEL_RESOLVE_H
#define MODEL_RESOLVE_H

#include "base/buf.h"
#include "base/nearest.h"
#include "model/parts.h"

struct resolver {
    struct resolved *out;
    const struct khap_model *model;
    struct khap_diags *diags;
    struct arena scratch;                    /* goes when khap__resolve() ends */
    struct buf text;                         /* for messages */
    const struct setting *frontends;         /* the map, or NULL */
    const struct setting *first_passthrough; /* the first service passed through, or NULL */
    struct service_parts defaults;           /* serviceDefaults as given */
    uint64_t inherited_frontends;            /* bits of serviceDefaults.frontends */
    /* some of them were wrong and are not there: that they lack would be said twice */
    bool certs_unknown, nodes_unknown, frontends_unknown;
    struct split *first_split, *last_split; /* of the whole map */
    uint32_t suggested;                     /* how often the nearest of all nodes was looked for */
    bool bad;
    bool no_memory;
};

#define RESOLVE_SAY(r, id, place, ...)  ((r)->bad = true, SAY((r)->diags, (id), (place), __VA_ARGS__))
#define RESOLVE_WARN(r, id, place, ...) SAY((r)->diags, (id), (place), __VA_ARGS__)

/* "; did you mean `x`?" in the resolver's buffer; empty when nothing is near. */
struct khap_str khap__nearest_text(struct resolver *r, const struct nearest *n);

/* The name of a key as it is said within a service: "check.path" for services.*.check.path. */
struct khap_str khap__short_path(enum key key);
/* Says missing-key when the object lacks the member. */
const struct setting *khap__need_member(struct resolver *r, const struct setting *object, enum key key,
                                        struct khap_str what);

/* Each step says what is wrong and goes on; r->no_memory ends the run. */
void khap__resolve_nodes(struct resolver *r);     /* nodes.c */
void khap__resolve_certs(struct resolver *r);     /* certs.c */
void khap__resolve_frontends(struct resolver *r); /* frontends.c; needs certs */
void khap__resolve_sections(struct resolver *r);  /* sections.c; needs frontends */
const struct own_section *khap__section_named(const struct resolved *r, struct khap_str name);
/* That the backend of one's own is there, and of the service's mode. */
void khap__check_backend(struct resolver *r, const struct service_head *head, const struct setting *backend);
void khap__resolve_services(struct resolver *r); /* services.c; needs nodes and frontends */
void khap__check_service(struct resolver *r, const struct service_head *head,
                         const struct service_parts *own); /* service_check.c */
void khap__check_servers(struct resolver *r, const struct service_head *head,
                         const struct service_parts *own); /* service_check.c */
void khap__resolve_routes(struct resolver *r);             /* routes.c: equal ones */
/* routes.c; `split` holds for all that have none of their own, and may be NULL */
void khap__add_routes(struct resolver *r, struct service_head *head, const struct service_parts *own,
                      const struct split *split);
bool khap__check_regex(struct resolver *r, const struct setting *regex); /* routes.c */
/* matches.c. False when it is none, which has been said; *out is NULL for one that asks for nothing. */
bool khap__read_match(struct resolver *r, const struct setting *object, const struct match **out);
void khap__match_identity(const struct match *match, struct buf *out); /* what tells it from others */
void khap__check_binds(struct resolver *r);                            /* binds.c */
/* Reads a list of addresses; NULL and 0 for none. */
void khap__bind_list(struct resolver *r, struct arena *arena, const struct setting *list, struct bind **binds,
                     uint32_t *n);
/* The frontends that a list of names names; says what is wrong with them. */
uint64_t khap__frontend_bits(struct resolver *r, const struct setting *list);
/* raw.c: lines of one's own may not leave their section. `text` may be NULL or SETTING_OFF. */
void khap__check_raw(struct resolver *r, const struct setting *text);
/* since.c: what the oldest release of the target cannot do. */
void khap__check_since(struct resolver *r);
void khap__say_since(struct resolver *r, const struct setting *s, struct khap_str what, uint16_t since);

#endif

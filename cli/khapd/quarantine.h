/* khapd/quarantine.h - services of maps that can be taken out of them, or put back to what they were. SPDX-License-Identifier: MIT */
#ifndef KHAPD_QUARANTINE_H
#define KHAPD_QUARANTINE_H

#include "khapd/pass.h"

struct suspect {
    size_t map;            /* which one */
    struct khap_str name;  /* of the service */
    struct khap_str lines; /* in the map's text */
    struct khap_str last;  /* its last valid version, or empty */
    bool aside;
};
struct suspects {
    struct suspect *of;
    size_t n, cap;
};

/* Adds the services of a map that are not what they were in its last valid text (which may be empty). Texts must outlive it. False: no memory. */
bool suspects_add(struct suspects *s, size_t map, struct khap_str text, struct khap_str last);
/* The text of a map with its services that are aside as they were, or left out. */
bool suspects_text(const struct suspects *s, size_t map, struct khap_str text, struct pass_text *out);
void suspects_free(struct suspects *s);

#endif

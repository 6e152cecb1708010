/* khapgen/migrate_map.h - the lines of one's own in service maps, for another release. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_MIGRATE_MAP_H
#define KHAPGEN_MIGRATE_MAP_H

#include "khapgen/report.h"
#include "khapgen/yaml_scalar.h"

/* One map before and after. */
struct migrated_map {
    uint32_t source;
    struct text now;
    bool manifest; /* of Kubernetes: it stays as it is */
};

/*
 * Migrates maps that are merged, sources of the report, from a release to another; `from` is 0 where the maps say it themselves. EXIT_…: EXIT_NO
 * when something was left to a person, the rest is done then; `now` of each map is filled with EXIT_DONE and EXIT_NO, and freed by the
 * caller in any case.
 */
int migrate_maps(struct report *r, struct migrated_map *maps, size_t n, uint16_t from, uint16_t to);

#endif

/* khapd/settings.h - khapd.yaml, read by the table that keys.tsv is. SPDX-License-Identifier: MIT */
#ifndef KHAPD_SETTINGS_H
#define KHAPD_SETTINGS_H

#include "khapgen/report.h"

#include "khapd/files.h"
#include "khapd/key_table.h"
#include <khap/kube.h>
#include <stdint.h>
#include <string.h>

struct setting {
    bool given;
    bool flag;        /* bool */
    uint64_t ms;      /* time; int */
    const char *text; /* path, text, address, word; NULL when there is none */
    char **list;      /* list(path) */
    size_t n;
};

struct settings {
    struct setting values[KEY_COUNT];
    char *path;             /* of the file */
    struct khap_str text;   /* of the file, malloc'ed */
    struct khap_str ground; /* the other keys, each at its place; malloc'ed; empty when there are none */
    struct khap_kube_allow *allow; /* NULL: nothing is said */
    struct files kept;             /* what the values point to */
};

/* Reads it; what is wrong is said. EXIT_…; settings_free() after the report was shown, in any case. */
int settings_read(struct report *r, const char *path, struct settings *settings);
void settings_free(struct settings *settings);

static inline const char *setting_text(const struct settings *c, enum key_id id)
{
    return c->values[id].text;
}
static inline uint64_t setting_ms(const struct settings *c, enum key_id id)
{
    return c->values[id].ms;
}
static inline uint64_t setting_number(const struct settings *c, enum key_id id)
{
    return c->values[id].ms;
}
/* HAProxy's program; NULL where it is not here (`none`). */
static inline const char *settings_binary(const struct settings *c)
{
    const char *binary = setting_text(c, KEY_HAPROXY_BINARY);
    return strcmp(binary, "none") != 0 ? binary : NULL;
}

static inline bool setting_flag(const struct settings *c, enum key_id id)
{
    return c->values[id].flag;
}

/* Whether they name a cluster; what it is called; STATE/kubernetes/NAME.yaml, false when that is too long. */
bool cluster_is_set(const struct settings *s);
const char *cluster_name(const struct settings *s);
bool cluster_path(const struct settings *s, char *path, size_t room);

#endif

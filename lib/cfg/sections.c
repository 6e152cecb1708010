/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/sections.h"

/* Releases as KHAP_RELEASE() has them; 0 and 999: before and after all that are known. */
struct section {
    char name[16];
    uint16_t first, last;
};
static const struct section sections[] = {
    {"global", 0, 999},           {"defaults", 0, 999},
    {"listen", 0, 999},           {"frontend", 0, 999},
    {"backend", 0, 999},          {"ruleset", 0, 105},
    {"userlist", 0, 999},         {"peers", 0, 999},
    {"mailers", 106, 999},        {"resolvers", 106, 999},
    {"namespace_list", 106, 999}, {"cache", 108, 999},
    {"program", 200, 302},        {"fcgi-app", 201, 999},
    {"http-errors", 202, 999},    {"ring", 202, 999},
    {"log-forward", 203, 999},    {"crt-store", 300, 999},
    {"traces", 301, 999},         {"log-profile", 301, 999},
    {"acme", 302, 999},           {"healthcheck", 304, 999},
};

bool khap__section_known(uint16_t release, struct khap_str word)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (release >= sections[i].first && release <= sections[i].last &&
            khap__str_eq(word, khap__str(sections[i].name)))
            return true;
    }
    return false;
}

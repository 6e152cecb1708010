/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cfg/sections.h"

#include "base/nearest.h"

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

/* Which of them begin with a letter: most lines begin with a word that is none, and are done here. */
static bool may_be(struct khap_str word)
{
    static const bool first[256] = {
        ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['f'] = true, ['g'] = true, ['h'] = true,
        ['l'] = true, ['m'] = true, ['n'] = true, ['p'] = true, ['r'] = true, ['t'] = true, ['u'] = true,
    };
    return word.len >= 4 && word.len < sizeof sections[0].name && first[(unsigned char)word.ptr[0]];
}

int khap__section_of(const struct khap_target *target, struct khap_str word)
{
    if (!may_be(word))
        return -1;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const struct section *s = &sections[i];
        if (s->name[0] == word.ptr[0] && s->name[word.len] == '\0' &&
            memcmp(s->name, word.ptr, word.len) == 0 && target->last >= s->first && target->first <= s->last)
            return (int)i;
    }
    return -1;
}

struct khap_str khap__section_name(int section)
{
    return khap__str(sections[section].name);
}

void khap__sections_offer(const struct khap_target *target, struct nearest *near)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (sections[i].first <= target->first && target->last <= sections[i].last)
            khap__nearest_offer(near, khap__str(sections[i].name));
    }
}

bool khap__section_known(uint16_t release, struct khap_str word)
{
    struct khap_target one = {.first = release, .last = release};
    return khap__section_of(&one, word) >= 0;
}

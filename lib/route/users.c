/* route/users.c - userlists. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

static struct khap_str keep(struct compiling *c, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(&c->route->arena, text, &kept) != KHAP_OK)
        c->status = KHAP_ENOMEM;
    return kept;
}

/* `user NAME password HASH groups A,B`, `group NAME users A,B` */
void khap__routing_userlist_line(struct compiling *c)
{
    struct user one = {.section = c->at.section, .unclear = c->at.read != KHAP_TRUE};
    for (size_t i = 0; i < c->at.n; i++)
        one.unclear = one.unclear || c->at.words[i].variable;
    if (c->at.n < 2)
        return;
    one.group = khap__str_eq(c->at.words[0].text, S("group"));
    one.name = keep(c, c->at.words[1].text);
    for (size_t i = 2; i + 1 < c->at.n; i += 2) {
        struct khap_str word = c->at.words[i].text, value = c->at.words[i + 1].text;
        bool hashed = khap__str_eq(word, S("password"));
        if (hashed || khap__str_eq(word, S("insecure-password"))) {
            one.password = keep(c, value);
            one.hashed = hashed;
        } else if (khap__str_eq(word, S("groups")) || khap__str_eq(word, S("users"))) {
            one.others = keep(c, value);
        }
    }
    if (c->status == KHAP_OK && !VEC_PUSH(&c->route->alloc, &c->route->users, one))
        c->status = KHAP_ENOMEM;
}

static bool is_among(struct khap_str list, struct khap_str name)
{
    while (list.len > 0) {
        struct khap_str one = khap__str_sub(list, 0, khap__str_find(list, ','));
        if (khap__str_eq(one, name))
            return true;
        list = khap__str_sub(list, one.len + 1, list.len);
    }
    return false;
}

static const struct user *find_user(const struct khap_route *route, uint32_t list, struct khap_str name)
{
    for (uint32_t i = 0; i < route->users.len; i++) {
        const struct user *one = &route->users.ptr[i];
        if (one->section == list && !one->group && khap__str_eq(one->name, name))
            return one;
    }
    return NULL;
}

enum khap_answer khap__routing_is_user(struct asking *a, struct khap_str list, struct khap_str name,
                                       struct khap_str password, uint32_t *section)
{
    const struct khap_route *route = a->route;
    size_t found = khap_view_find(route->view, S("userlist"), list, SIZE_MAX);
    uint32_t same = 0;
    if (found == SIZE_MAX)
        return KHAP_UNKNOWN;
    *section = (uint32_t)found;
    if (route->view->sections.ptr[found].read != KHAP_TRUE)
        return KHAP_UNKNOWN;
    for (uint32_t i = 0; i < route->users.len; i++) {
        if (route->users.ptr[i].section == *section && route->users.ptr[i].unclear)
            return KHAP_UNKNOWN;
    }
    const struct user *user = find_user(route, *section, name);
    if (user == NULL)
        return KHAP_FALSE;
    if (!user->hashed)
        return khap__str_eq(user->password, password) ? KHAP_TRUE : KHAP_FALSE;
    if (route->crypt == NULL)
        return KHAP_UNKNOWN;
    enum khap_status status = route->crypt(route->crypt_ctx, password, user->password, &same);
    if (status == KHAP_ENOMEM)
        a->no_memory = true;
    return status != KHAP_OK ? KHAP_UNKNOWN : same != 0 ? KHAP_TRUE : KHAP_FALSE;
}

bool khap__routing_in_group(const struct khap_route *route, uint32_t list, struct khap_str name,
                            struct khap_str group)
{
    const struct user *user = find_user(route, list, name);
    if (user != NULL && is_among(user->others, group))
        return true;
    for (uint32_t i = 0; i < route->users.len; i++) {
        const struct user *one = &route->users.ptr[i];
        if (one->section == list && one->group && khap__str_eq(one->name, group) &&
            is_among(one->others, name))
            return true;
    }
    return false;
}

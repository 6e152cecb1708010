/* migrate/servers.c - how backends find and check their servers. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/migrate.h"

#include <stdio.h>

/* A server whose address was one of the section. Beside other servers none does the same; HAProxy still has the line, and says itself that it goes. */
static enum khap_status server_instead(struct migrate_step *step, const char *name, bool keep)
{
    char room[24];
    if (khap__migrate_has(step, KIND_SERVER, S("")))
        return khap__migrate_nothing(step);
    (void)snprintf(room, sizeof room, "server %s", name);
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, room);
    if (keep)
        khap__migrate_keep(step, step->behind, step->n - step->behind);
    else
        khap__migrate_word(step, S("0.0.0.0"));
    return KHAP_OK;
}

enum khap_status khap__migrate_dispatch(struct migrate_step *step)
{
    return server_instead(step, "dispatch", true);
}

enum khap_status khap__migrate_transparent(struct migrate_step *step)
{
    struct khap_str kind = step->view->sections.ptr[step->section].kind;
    if ((step->line->prefix & ROW_NO) != 0 || khap__str_eq(kind, S("frontend")))
        return KHAP_OK; /* it does nothing */
    if (khap__str_eq(kind, S("defaults")))
        return khap__migrate_nothing(step); /* its sections may have servers, or not */
    return server_instead(step, "transparent", false);
}

/* The value behind a word of the line, or an empty one. */
static struct khap_str value_of(const struct migrate_step *step, struct khap_str word)
{
    for (size_t i = step->behind + 1; i + 1 < step->n; i++) {
        if (khap__str_eq(step->words[i].text, word))
            return step->words[i + 1].text;
    }
    return S("");
}

static bool has_word(const struct migrate_step *step, struct khap_str word)
{
    for (size_t i = step->behind + 1; i < step->n; i++) {
        if (khap__str_eq(step->words[i].text, word))
            return true;
    }
    return false;
}

static void stick(struct migrate_step *step, const char *rule, const char *fetch, struct khap_str name,
                  const char *more)
{
    char room[256];
    int len = snprintf(room, sizeof room, "%s(%.*s%s)", fetch, (int)(name.len < 128 ? name.len : 128),
                       name.ptr, more);
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, rule);
    khap__migrate_word(step, (struct khap_str){room, len > 0 ? (size_t)len : 0});
}

/* A table of the cookies that servers set; the same for those in the URL. */
enum khap_status khap__migrate_appsession(struct migrate_step *step)
{
    struct schema_word rest[64];
    size_t n;
    if (step->behind >= step->n)
        return khap__migrate_nothing(step);
    if (khap__migrate_setting(step, S("stick-table"), rest, &n) || has_word(step, S("prefix")))
        return khap__migrate_leave(
            step, S("a stick table with `stick store-response` and `stick match` on the cookie does it"));
    struct khap_str name = step->words[step->behind].text, len = value_of(step, S("len")),
                    timeout = value_of(step, S("timeout"));
    step->says = S("sessions are kept in a stick table of 100000 entries, from the first answer on");
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, "stick-table type string len");
    khap__migrate_word(step, len);
    khap__migrate_literal(step, "size 100k expire");
    khap__migrate_word(step, timeout);
    stick(step, "stick store-response", "res.cook", name, "");
    stick(step, "stick match", "req.cook", name, "");
    stick(step, "stick match", "url_param", name, has_word(step, S("query-string")) ? "" : ",;");
    if (has_word(step, S("request-learn")))
        stick(step, "stick store-request", "req.cook", name, "");
    return KHAP_OK;
}

/* Headers and a body behind the version: `option httpchk GET / HTTP/1.1\r\nHost:\ www`. */
enum khap_status khap__migrate_httpchk(struct migrate_step *step)
{
    size_t at = step->behind + 2, end, host = 0;
    struct khap_str all = at < step->n ? step->words[at].text : S("");
    (void)host;
    for (end = 0; end < all.len && all.ptr[end] != '\r' && all.ptr[end] != '\n'; end++) {
    }
    if (end == all.len)
        return khap__migrate_nothing(step);
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_keep(step, 0, at);
    khap__migrate_word(step, khap__str_sub(all, 0, end));
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, "http-check send");
    while (end < all.len) {
        struct khap_str rest = khap__str_sub(all, end, all.len);
        rest =
            khap__str_sub(rest, rest.ptr[0] == '\r' && rest.len > 1 && rest.ptr[1] == '\n' ? 2 : 1, rest.len);
        size_t line = 0;
        while (line < rest.len && rest.ptr[line] != '\r' && rest.ptr[line] != '\n')
            line++;
        if (line == 0) { /* the blank line before the body */
            rest = khap__str_sub(rest, rest.len > 1 && rest.ptr[0] == '\r' && rest.ptr[1] == '\n' ? 2 : 1,
                                 rest.len);
            if (rest.len > 0) {
                khap__migrate_literal(step, "body");
                khap__migrate_word(step, rest);
            }
            break;
        }
        struct khap_str header = khap__str_sub(rest, 0, line);
        size_t colon = khap__str_find(header, ':');
        if (colon == header.len)
            return khap__migrate_leave(step, S("write what follows the version with http-check send"));
        khap__migrate_literal(step, "hdr");
        khap__migrate_word(step, khap__str_trim(khap__str_sub(header, 0, colon)));
        khap__migrate_word(step, khap__str_trim(khap__str_sub(header, colon + 1, header.len)));
        end = (size_t)(rest.ptr - all.ptr) + line;
    }
    return KHAP_OK;
}

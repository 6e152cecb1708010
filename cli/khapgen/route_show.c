/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/route_show.h"

#include <stdio.h>

static void put(struct khap_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
}

static void json_string(struct khap_str text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static struct khap_str place_text(const struct report *r, struct khap_place place, char room[300])
{
    uint32_t line, column;
    if (place.source == 0)
        return WORD("");
    struct khap_str name = khap_sources_name(r->sources, place.source);
    khap_sources_locate(r->sources, place, &line, &column);
    int n = snprintf(room, 300, "%.*s:%u", (int)(name.len < 200 ? name.len : 200), name.ptr, line);
    return (struct khap_str){room, n < 0 ? 0 : (size_t)n};
}

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"",       "backend", "redirect", "answer",
                                        "denied", "closed",  "service",  "nowhere"};
    return kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

static void show_servers(const struct khap_route_answer *answer, size_t outcome, size_t n)
{
    struct khap_route_server server = {.size = sizeof server};
    bool one = false;
    for (size_t i = 0; i < n; i++)
        one = one ||
              (khap_route_server_at(answer, outcome, i, &server) == KHAP_OK && server.chosen == KHAP_TRUE);
    for (size_t i = 0; i < n; i++) {
        if (khap_route_server_at(answer, outcome, i, &server) != KHAP_OK ||
            (one && server.chosen != KHAP_TRUE))
            continue;
        printf("  server    ");
        put(server.name);
        putchar(' ');
        put(server.address);
        printf("%s\n", server.backup != 0 ? " (backup)" : "");
    }
}

static void show_outcome(const struct report *r, const struct khap_route_answer *answer, size_t index,
                         const struct khap_route_outcome *o)
{
    char room[300];
    printf("%s", o->n_reasons > 0 ? "perhaps " : "");
    if (o->kind == KHAP_ROUTE_BACKEND) {
        printf("backend ");
        put(o->backend);
    } else {
        printf("%s", kind_name(o->kind));
        if (o->status != 0)
            printf(" %u", o->status);
        if (o->location.len > 0) {
            putchar(' ');
            put(o->location);
        }
    }
    putchar('\n');
    if (o->frontend.len > 0) {
        printf("  frontend  ");
        put(o->frontend);
        printf(" at ");
        put(o->listener);
        putchar('\n');
    }
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps; i++) {
        if (khap_route_step_at(answer, index, i, &step) != KHAP_OK)
            continue;
        struct khap_str place = place_text(r, step.place, room);
        printf("  %-9s ", step.held == KHAP_TRUE ? "line" : "perhaps");
        if (place.len > 0) {
            put(place);
            printf(": ");
        }
        put(step.text);
        putchar('\n');
    }
    show_servers(answer, index, o->n_servers);
    for (size_t i = 0; i < o->n_reasons; i++) {
        struct khap_place place = {0, 0, 0};
        struct khap_str why = khap_route_reason_at(answer, index, i, &place);
        printf("  depends   on ");
        put(why);
        struct khap_str at = place_text(r, place, room);
        if (at.len > 0) {
            printf(" (");
            put(at);
            putchar(')');
        }
        putchar('\n');
    }
}

static void member(const char *name, struct khap_str value)
{
    printf(",\"%s\":", name);
    json_string(value);
}

static void show_json(const struct report *r, const struct khap_route_answer *answer, size_t index,
                      const struct khap_route_outcome *o)
{
    char room[300];
    printf("{\"kind\":\"%s\",\"certain\":%s", kind_name(o->kind), o->n_reasons == 0 ? "true" : "false");
    if (o->status != 0)
        printf(",\"status\":%u", o->status);
    if (o->location.len > 0)
        member("location", o->location);
    if (o->frontend.len > 0) {
        member("bind", o->listener);
        member("frontend", o->frontend);
    }
    if (o->backend.len > 0)
        member("backend", o->backend);
    if (o->method.len > 0)
        member("method", o->method);
    if (o->target.len > 0)
        member("target", o->target);
    printf(",\"headers\":[");
    struct khap_route_header header;
    uint32_t known;
    for (size_t i = 0; i < o->n_headers && khap_route_header_at(answer, index, i, &header, &known) == KHAP_OK;
         i++) {
        printf("%s[", i > 0 ? "," : "");
        json_string(header.name);
        putchar(',');
        if (known != 0)
            json_string(header.value);
        else
            printf("null");
        putchar(']');
    }
    printf("],\"steps\":[");
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps && khap_route_step_at(answer, index, i, &step) == KHAP_OK; i++) {
        printf("%s{\"certain\":%s", i > 0 ? "," : "", step.held == KHAP_TRUE ? "true" : "false");
        member("place", place_text(r, step.place, room));
        member("line", step.text);
        putchar('}');
    }
    printf("],\"servers\":[");
    struct khap_route_server server = {.size = sizeof server};
    for (size_t i = 0; i < o->n_servers && khap_route_server_at(answer, index, i, &server) == KHAP_OK; i++) {
        printf("%s{\"backup\":%s,\"chosen\":\"%s\"", i > 0 ? "," : "", server.backup != 0 ? "true" : "false",
               server.chosen == KHAP_TRUE    ? "yes"
               : server.chosen == KHAP_FALSE ? "no"
                                             : "unknown");
        member("name", server.name);
        member("address", server.address);
        putchar('}');
    }
    printf("],\"depends\":[");
    for (size_t i = 0; i < o->n_reasons; i++) {
        struct khap_place place = {0, 0, 0};
        printf("%s{\"place\":", i > 0 ? "," : "");
        struct khap_str why = khap_route_reason_at(answer, index, i, &place);
        json_string(place_text(r, place, room));
        member("on", why);
        putchar('}');
    }
    printf("]}");
}

static void show_line(const struct report *r, const struct khap_route_answer *answer, size_t index,
                      const struct khap_route_outcome *o)
{
    show_json(r, answer, index, o);
    putchar('\n');
}

void route_show(const struct report *r, const struct khap_route_answer *answer, bool json)
{
    struct khap_route_outcome o = {.size = sizeof o};
    for (size_t i = 0; khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        if (json)
            show_line(r, answer, i, &o);
        else
            show_outcome(r, answer, i, &o);
    }
}

void route_show_one_of_many(const struct report *r, struct khap_str question,
                            const struct khap_route_answer *answer, bool json)
{
    struct khap_route_outcome o = {.size = sizeof o};
    if (!json) {
        put(question);
        printf(":\n");
        route_show(r, answer, false);
        return;
    }
    printf("{\"question\":");
    json_string(question);
    printf(",\"outcomes\":[");
    for (size_t i = 0; khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        if (i > 0)
            putchar(',');
        show_json(r, answer, i, &o);
    }
    printf("]}\n");
}

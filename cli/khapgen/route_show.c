/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/route_show.h"
#include "khapgen/show.h"

#include <stdio.h>

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
        show_text(server.name);
        putchar(' ');
        show_text(server.address);
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
        show_text(o->backend);
    } else {
        printf("%s", kind_name(o->kind));
        if (o->status != 0)
            printf(" %u", o->status);
        if (o->location.len > 0) {
            putchar(' ');
            show_text(o->location);
        }
    }
    putchar('\n');
    if (o->frontend.len > 0) {
        printf("  frontend  ");
        show_text(o->frontend);
        printf(" at ");
        show_text(o->listener);
        putchar('\n');
    }
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps; i++) {
        if (khap_route_step_at(answer, index, i, &step) != KHAP_OK)
            continue;
        struct khap_str place = show_place(r, step.place, room);
        printf("  %-9s ", step.held == KHAP_TRUE ? "line" : step.held == KHAP_FALSE ? "not" : "perhaps");
        if (place.len > 0) {
            show_text(place);
            printf(": ");
        }
        show_text(step.text);
        putchar('\n');
        if (step.why.len > 0) {
            printf("            because ");
            show_text(step.why);
            putchar('\n');
        }
    }
    show_servers(answer, index, o->n_servers);
    for (size_t i = 0; i < o->n_reasons; i++) {
        struct khap_place place = {0, 0, 0};
        struct khap_str why = khap_route_reason_at(answer, index, i, &place);
        printf("  depends   on ");
        show_text(why);
        struct khap_str at = show_place(r, place, room);
        if (at.len > 0) {
            printf(" (");
            show_text(at);
            putchar(')');
        }
        putchar('\n');
    }
}

static void member(const char *name, struct khap_str value)
{
    printf(",\"%s\":", name);
    show_json(value);
}

static void outcome_json(const struct report *r, const struct khap_route_answer *answer, size_t index,
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
        show_json(header.name);
        putchar(',');
        if (known != 0)
            show_json(header.value);
        else
            printf("null");
        putchar(']');
    }
    printf("],\"steps\":[");
    struct khap_route_step step = {.size = sizeof step};
    for (size_t i = 0; i < o->n_steps && khap_route_step_at(answer, index, i, &step) == KHAP_OK; i++) {
        printf("%s{\"certain\":%s", i > 0 ? "," : "", step.held != KHAP_UNKNOWN ? "true" : "false");
        if (step.held == KHAP_FALSE) {
            printf(",\"held\":false");
            member("why", step.why);
        }
        member("place", show_place(r, step.place, room));
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
        show_json(show_place(r, place, room));
        member("on", why);
        putchar('}');
    }
    printf("]}");
}

static void show_line(const struct report *r, const struct khap_route_answer *answer, size_t index,
                      const struct khap_route_outcome *o)
{
    outcome_json(r, answer, index, o);
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
        show_text(question);
        printf(":\n");
        route_show(r, answer, false);
        return;
    }
    printf("{\"question\":");
    show_json(question);
    printf(",\"outcomes\":[");
    for (size_t i = 0; khap_route_outcome_at(answer, i, &o) == KHAP_OK; i++) {
        if (i > 0)
            putchar(',');
        outcome_json(r, answer, i, &o);
    }
    printf("]}\n");
}

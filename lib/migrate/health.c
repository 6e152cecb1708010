/* migrate/health.c - what answered health checks of others. SPDX-License-Identifier: MIT */
#include "config.h"

#include "migrate/migrate.h"

static bool is_http(struct migrate_step *step)
{
    struct schema_word mode[64];
    size_t n;
    return khap__migrate_setting(step, S("mode"), mode, &n) && n > 0 && khap__str_eq(mode[0].text, S("http"));
}

/* The network gets 200 for whatever it asks, or, without HTTP, a connection that is closed. */
enum khap_status khap__migrate_monitor_net(struct migrate_step *step)
{
    if (step->behind >= step->n)
        return khap__migrate_nothing(step);
    if (is_http(step)) {
        khap__migrate_line(step, MIGRATE_REQUEST_TOP);
        khap__migrate_literal(step, "http-request return status 200 if { src");
    } else {
        khap__migrate_line(step, MIGRATE_HEAD);
        khap__migrate_literal(step, "tcp-request connection reject if { src");
    }
    khap__migrate_keep(step, step->behind, 1);
    khap__migrate_literal(step, "}");
    return KHAP_OK;
}

enum khap_status khap__migrate_mode_health(struct migrate_step *step)
{
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, "mode http");
    khap__migrate_line(step, MIGRATE_HERE);
    khap__migrate_literal(step, "http-request return status 200");
    step->says = S("it answers HTTP requests only, and waits for one");
    return KHAP_OK;
}

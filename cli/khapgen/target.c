/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_talk.h"
#include "khapgen/target.h"

#include <khap/apply.h>
#include <stdio.h>
#include <string.h>

/* What the haproxy at `path` says of itself. */
static int ask(struct report *r, const char *path, struct khap_place place, struct khap_target *target)
{
    char text[64 * 1024], why[128] = "; it does not answer like HAProxy";
    size_t length = 0;
    struct khap_run run = {.size = sizeof run};
    enum khap_status status = khap_haproxy_version(word(path), text, sizeof text, &length, &run);
    if (status == KHAP_OK &&
        khap_target_from_vv((struct khap_str){text, length}, target, r->diags) == KHAP_OK)
        return EXIT_DONE;
    if (status == KHAP_EIO && run.error != 0)
        snprintf(why, sizeof why, ": %s", khap_apply_error_text(run.error));
    else if (status == KHAP_EIO)
        snprintf(why, sizeof why, "; it ended with status %d", (int)run.exit_status);
    report_say(r, "target-binary", place, word(path), word(why));
    return EXIT_UNUSABLE;
}

bool target_running(const char *socket, char release[RELEASE_ROOM])
{
    enum { ASK_MS = 10000, VERSION_ROOM = 128 };
    char version[VERSION_ROOM];
    size_t n = 0;
    if (apply_info(socket, "Version:", ASK_MS, version, sizeof version))
        n = strspn(version, "0123456789."); /* the rest is the distribution's: 2.6.12-1+deb12u2 */
    if (n >= RELEASE_ROOM)
        n = 0;
    memcpy(release, version, n);
    release[n] = '\0';
    return n > 0;
}

int target_read(struct report *r, const char *text, struct khap_target *target)
{
    static const char binary[] = "binary:", socket[] = "socket:";
    char release_of[RELEASE_ROOM];
    struct khap_place place = {0};
    int status = report_status(r, khap_sources_add(r->sources, WORD("--target"), word(text), &place.source));
    if (status != EXIT_DONE)
        return status;
    place.len = (uint32_t)strlen(text);
    if (strncmp(text, binary, sizeof binary - 1) == 0)
        return ask(r, text + sizeof binary - 1, place, target);
    if (strncmp(text, socket, sizeof socket - 1) == 0) {
        if (!target_running(text + sizeof socket - 1, release_of)) {
            report_say(r, "target-socket", place, word(text + sizeof socket - 1), WORD(""));
            return EXIT_UNUSABLE;
        }
        return report_status(r, khap_target_parse(word(release_of), target, r->diags, place));
    }
    size_t release = strcspn(text, ",");
    status = report_status(r, khap_target_parse((struct khap_str){text, release}, target, r->diags, place));
    if (status == EXIT_DONE && text[release] == ',')
        status = report_status(r, khap_target_features(word(text + release + 1), target, r->diags, place));
    return status;
}

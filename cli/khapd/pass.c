/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/cluster.h"
#include "khapd/pass.h"
#include "khapd/quarantine.h"
#include "khapd/wanted.h"
#include "khapgen/apply_pass.h"
#include "khapgen/input.h"

#include <inttypes.h>
#include <khap/apply.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

enum { PATH_ROOM = 4096, LARGEST_CERTIFICATE = 16 << 20 };
#define LARGEST_SOURCE (UINT64_C(256) << 20)

struct pass {
    const struct settings *settings;
    const struct pass_asked *asked;
    struct outcome *outcome;
    struct files maps, seen;
    struct input_laid *laid; /* one for the ground, one for each map that counts as it was */
    struct inputs texts;     /* what is laid */
    struct khap_kube_options kube;
    struct pass_text prefix;    /* of backends, from the cluster */
    struct khap_str *addresses; /* of HAProxy, for statuses */
    struct khap_str *pool;      /* for those that have none of their own */
    struct maps_aside aside;    /* objects at fault */
    struct khap_cert_reader certs;
    struct khap_target target; /* `size` 0: it is to be asked */
    char cluster[PATH_ROOM];   /* what is known of the cluster; empty when there is none */
    size_t n_laid;
    struct suspects suspects; /* services of maps, of which some are aside */
    bool check_only;          /* of a pass that tries */
    bool no_memory;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the files that the configuration names */

static void seen(void *ctx, struct khap_str path)
{
    struct pass *p = ctx;
    if (!files_add_once(&p->seen, path.ptr, path.len))
        p->no_memory = true;
}

#ifdef HAVE_OPENSSL
/* A key may stand there. */
static void forget(struct khap_str text)
{
    volatile char *bytes = (volatile char *)(uintptr_t)text.ptr;
    for (size_t i = 0; i < text.len; i++)
        bytes[i] = 0;
    free((char *)(uintptr_t)text.ptr);
}

static void look_at_certificates(struct pass *p)
{
    const struct khap_cert_reader reader = p->certs;
    struct stat st;
    struct khap_str text;
    for (size_t i = 0; i < p->seen.n; i++) {
        struct khap_cert_info info = {.size = sizeof info};
        if (stat(p->seen.of[i], &st) != 0 || !S_ISREG(st.st_mode) ||
            input_read(p->seen.of[i], LARGEST_CERTIFICATE, &text) != INPUT_READ)
            continue;
        int64_t *first = &p->outcome->first_end;
        if (reader.read(reader.ctx, text, (struct khap_str){0}, &info) == KHAP_OK && info.first_end > 0 &&
            (*first == 0 || info.first_end < *first))
            *first = info.first_end;
        forget(text);
    }
}
#else
static void look_at_certificates(struct pass *p)
{
    (void)p;
}
#endif

/* ---- what is told */

static int to_text(void *ctx, const char *data, size_t len)
{
    return text_add_bytes(ctx, data, len) ? 0 : -1;
}

/* ---- the last good text of a source */

/* STATE/sources/NAME, where each byte of the path that is no letter or digit is written as %XX, cut where it is long, and its sum. */
static bool kept_path(const struct pass *p, const char *map, char path[PATH_ROOM])
{
    static const char digits[] = "0123456789ABCDEF";
    enum { LONGEST = 200 };
    char name[LONGEST + 8];
    size_t n = 0;
    const char *state = setting_text(p->settings, KEY_STATE);
    for (const char *c = map; *c != '\0' && n < LONGEST; c++) {
        unsigned char b = (unsigned char)*c;
        if ((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '-' ||
            b == '_') {
            name[n++] = (char)b;
        } else {
            name[n++] = '%';
            name[n++] = digits[b >> 4];
            name[n++] = digits[b & 15];
        }
    }
    name[n] = '\0';
    uint64_t sum = 0;
    if (state == NULL)
        return false;
    for (const char *c = map; *c != '\0'; c++)
        sum = (sum ^ (unsigned char)*c) * UINT64_C(1099511628211);
    int made = snprintf(path, PATH_ROOM, "%s/sources/%s-%016" PRIx64, state, name, sum);
    return made > 0 && made < PATH_ROOM;
}

static bool last_text(void *ctx, const char *map, struct khap_str *text)
{
    struct pass *p = ctx;
    char path[PATH_ROOM];
    return kept_path(p, map, path) && input_read(path, LARGEST_SOURCE, text) == INPUT_READ &&
           inputs_keep(&p->texts, *text);
}

/* It was read as a last valid text, not as a source. */
static bool is_last(const struct pass *p, struct khap_str text)
{
    for (size_t i = 0; i < p->texts.n; i++)
        if (p->texts.texts[i] == text.ptr)
            return true;
    return false;
}

static bool has_faults(const struct pass *p)
{
    struct khap_kube_fault f = {.size = sizeof f};
    return khap_kube_fault_at(p->aside.faults, 0, &f) == KHAP_OK;
}

/* What of a source is valid: of manifests with objects at fault, what counts in their place. */
static void keep_source(const struct pass *p, const struct apply_pass *a, uint32_t id, const char *path,
                        struct khap_str text)
{
    struct khap_save_options save;
    struct pass_text valid = {0};
    const struct khap_sink sink = {&valid, to_text};
    khap_save_options_init(&save);
    save.flags = KHAP_SAVE_SECRET | KHAP_SAVE_NO_SYNC;
    bool good = a->sides[1].kube == NULL || !has_faults(p) ||
                khap_kube_write_valid(a->sides[1].kube, id, a->report->sources, &sink) == KHAP_OK;
    if (good)
        (void)khap_save_text(&save, word(path),
                             valid.len > 0 ? (struct khap_str){valid.ptr, valid.len} : text, NULL);
    free(valid.ptr);
}

static void keep_sources(const struct pass *p, const struct apply_pass *a)
{
    char path[PATH_ROOM];
    const char *state = setting_text(p->settings, KEY_STATE);
    if (state == NULL || snprintf(path, sizeof path, "%s/sources", state) >= PATH_ROOM)
        return;
    (void)mkdir(state, 0700);
    (void)mkdir(path, 0700);
    for (uint32_t id = 1; khap_sources_name(a->report->sources, id).len > 0; id++) {
        struct khap_str name = khap_sources_name(a->report->sources, id),
                        text = khap_sources_text(a->report->sources, id);
        if (text.len > 0 && !is_last(p, text) && files_has(&p->maps, name.ptr, name.len) &&
            kept_path(p, name.ptr, path))
            keep_source(p, a, id, path, text);
    }
}

static bool is_broken(const struct report *r, const char *map)
{
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->diags, d)) != NULL;) {
        struct khap_str name = khap_sources_name(r->sources, khap_diag_place(d).source);
        if (khap_diag_severity(d) == KHAP_ERROR && name.len == strlen(map) &&
            memcmp(name.ptr, map, name.len) == 0)
            return true;
    }
    return false;
}

static bool lay(struct pass *p, const char *path, struct khap_str text)
{
    struct input_laid *laid = realloc(p->laid, (p->n_laid + 1) * sizeof *laid);
    if (laid == NULL)
        return false;
    p->laid = laid;
    laid[p->n_laid++] = (struct input_laid){word(path), text};
    return true;
}

/*
 * Lays the last good text over each source that is broken. One that has none is left out when another one is left. How many; none when the whole
 * cannot be made so.
 */
static uint32_t lay_last_good(struct pass *p, const struct report *r)
{
    char path[PATH_ROOM];
    uint32_t n = 0;
    size_t left_out = 0;
    if (setting_text(p->settings, KEY_STATE) == NULL)
        return 0;
    for (size_t i = 0; i < p->maps.n; i++) {
        const char *map = p->maps.of[i];
        struct khap_str text = {0};
        if (!is_broken(r, map) || strcmp(map, p->settings->path) == 0)
            continue;
        if (!kept_path(p, map, path) || input_read(path, LARGEST_SOURCE, &text) != INPUT_READ) {
            text = WORD("{}\n");
            left_out++;
        } else if (!inputs_keep(&p->texts, text)) {
            return 0;
        }
        if (!lay(p, map, text))
            return 0;
        n++;
    }
    return left_out < p->maps.n ? n : 0;
}

/* ---- what is told */

static bool begins(struct khap_str text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.ptr, with, len) == 0;
}

static bool tell_place(struct pass_text *t, const struct khap_sources *sources, struct khap_place place)
{
    uint32_t line = 0, column = 0;
    struct khap_str name = khap_sources_name(sources, place.source);
    if (name.len == 0)
        return true;
    khap_sources_locate(sources, place, &line, &column);
    return text_add_format(t, ",\"source\":") && text_add_json(t, name.ptr, name.len) &&
           (line == 0 || text_add_format(t, ",\"line\":%" PRIu32, line));
}

static void tell_objects(struct pass *p, const struct apply_pass *a)
{
    struct pass_text *t = &p->outcome->said[SAID_OBJECTS];
    const struct khap_bundle_file *file =
        a->sides[1].bundle != NULL ? khap_bundle_next(a->sides[1].bundle, NULL) : NULL;
    const struct khap_document *doc = file != NULL ? khap_bundle_file_document(file) : NULL;
    struct khap_outline *outline = NULL;
    struct khap_section section = {.size = sizeof section};
    bool good = true;
    if (doc == NULL || khap_outline_new(NULL, doc, NULL, &outline) != KHAP_OK)
        return;
    for (size_t i = 0; good && khap_outline_section(outline, i, &section) == KHAP_OK; i++) {
        if (!begins(section.kind, "backend") || begins(section.name, "khap-"))
            continue;
        good = text_add_format(t, "%s{\"service\":", t->len > 0 ? ",\n" : "") &&
               text_add_json(t, section.name.ptr, section.name.len) &&
               text_add_format(t, ",\"accepted\":true,\"backend\":") &&
               text_add_json(t, section.name.ptr, section.name.len) &&
               tell_place(t, a->report->sources, khap_line_origin(doc, section.head)) &&
               text_add_bytes(t, "}", 1);
        p->outcome->objects++;
    }
    khap_outline_free(outline);
    p->no_memory |= !good;
}

static void tell_refused(struct pass *p, const struct report *r)
{
    struct pass_text *t = &p->outcome->said[SAID_OBJECTS];
    bool good = true;
    for (const struct khap_diag *d = NULL; good && (d = khap_diags_next(r->diags, d)) != NULL;) {
        if (khap_diag_severity(d) != KHAP_ERROR)
            continue;
        struct khap_str text = khap_diag_text(d);
        good = text_add_format(t, "%s{\"accepted\":false,\"code\":", t->len > 0 ? ",\n" : "") &&
               text_add_json(t, khap_diag_code(d), strlen(khap_diag_code(d))) &&
               text_add_format(t, ",\"reason\":") && text_add_json(t, text.ptr, text.len) &&
               tell_place(t, r->sources, khap_diag_place(d)) && text_add_bytes(t, "}", 1);
        p->outcome->refused++;
    }
    p->no_memory |= !good;
}

/* To the log, and as JSON: the owner is to know that his object does not count. */
static void tell_faults(struct pass *p, struct report *r)
{
    struct pass_text *t = &p->outcome->said[SAID_OBJECTS];
    struct khap_kube_fault f = {.size = sizeof f};
    bool good = true;
    for (size_t i = 0; good && khap_kube_fault_at(p->aside.faults, i, &f) == KHAP_OK; i++) {
        struct pass_text whose = {0};
        good = text_add_bytes(&whose, f.kind.ptr, f.kind.len) && text_add_format(&whose, " ") &&
               text_add_bytes(&whose, f.ns.ptr, f.ns.len) &&
               text_add_format(&whose, f.ns.len > 0 ? "/" : "") &&
               text_add_bytes(&whose, f.name.ptr, f.name.len) &&
               text_add_format(t, "%s{\"object\":", t->len > 0 ? ",\n" : "") &&
               text_add_json(t, whose.ptr, whose.len) &&
               text_add_format(t, ",\"accepted\":false,\"kept\":%s,\"code\":", f.kept ? "true" : "false") &&
               text_add_json(t, f.code.ptr, f.code.len) && text_add_format(t, ",\"reason\":") &&
               text_add_json(t, f.reason.ptr, f.reason.len) && tell_place(t, r->sources, f.place) &&
               text_add_bytes(t, "}", 1);
        if (good)
            report_say(r, f.kept ? "kube-kept" : "kube-left-out", f.place,
                       (struct khap_str){whose.ptr, whose.len}, f.reason);
        free(whose.ptr);
        p->outcome->refused++;
        p->outcome->faults++;
    }
    p->no_memory |= !good;
}

static void tell_diags(struct pass *p, const struct report *r)
{
    const struct khap_sink sink = {&p->outcome->said[SAID_DIAGS], to_text};
    bool json = strcmp(setting_text(p->settings, KEY_LOG_FORMAT), "json") == 0;
    enum khap_status status =
        json ? khap_diags_print_json(r->diags, &sink) : khap_diags_print(r->diags, 0, &sink);
    p->no_memory |= status != KHAP_OK || r->no_memory;
}

static bool add_str(struct pass_text *t, const char *before, struct khap_str text)
{
    return text.len == 0 || (text_add_format(t, "%s", before) && text_add_bytes(t, text.ptr, text.len));
}

static void tell_changes(struct pass *p, const struct apply_pass *a)
{
    static const char *const kinds[] = {"", "added", "removed", "changed", "order of"};
    struct pass_text *t = &p->outcome->said[SAID_CHANGES];
    struct khap_change c = {.size = sizeof c};
    struct khap_command command = {.size = sizeof command};
    bool good = true, sends = a->diff != NULL && p->asked->dry_run && !khap_diff_reloads(a->diff);
    for (size_t i = 0; a->diff != NULL && good && khap_diff_change_at(a->diff, i, &c) == KHAP_OK; i++) {
        p->outcome->changes += c.at_run_time != 0;
        good = text_add_format(t, "%s", kinds[c.kind <= 4 ? c.kind : 0]) && add_str(t, " ", c.section) &&
               add_str(t, " ", c.name) && add_str(t, ": ", c.keyword) && add_str(t, " ", c.before) &&
               add_str(t, c.before.len > 0 ? " -> " : " ", c.after) && add_str(t, "; reload: ", c.reason) &&
               text_add_bytes(t, "\n", 1);
    }
    for (size_t i = 0; sends && good && khap_diff_command_at(a->diff, i, &command) == KHAP_OK; i++)
        good = add_str(t, "  would send: ", command.text) && add_str(t, " << ", command.payload) &&
               text_add_bytes(t, "\n", 1);
    p->no_memory |= !good;
}

/* ---- the pass */

static int once(struct pass *p, struct report *r, struct apply_pass *a)
{
    const struct settings *s = p->settings;
    files_free(&p->seen);
    *a =
        (struct apply_pass){.report = r,
                            .directory = setting_text(s, KEY_HAPROXY_DIRECTORY),
                            .binary = settings_binary(s),
                            .known = p->target.size != 0 ? &p->target : NULL,
                            .stated = setting_text(s, KEY_HAPROXY_TARGET),
                            .socket = setting_text(s, KEY_HAPROXY_SOCKET),
                            .master = setting_text(s, KEY_HAPROXY_MASTER),
                            .reload_command = (const char *const *)s->values[KEY_HAPROXY_RELOAD_COMMAND].list,
                            .n_reload_command = s->values[KEY_HAPROXY_RELOAD_COMMAND].n,
                            .maps = (const char *const *)p->maps.of,
                            .n_maps = p->maps.n,
                            .laid = p->laid,
                            .n_laid = p->n_laid,
                            .kube_options = &p->kube,
                            .aside = &p->aside,
                            .certs = p->certs.read != NULL ? &p->certs : NULL,
                            .seen_ctx = p,
                            .seen = seen,
                            .dry_run = p->asked->dry_run,
                            .check_only = p->check_only,
                            .overwrite = setting_flag(s, KEY_HAPROXY_OVERWRITE),
                            .put_off_reloads = p->asked->put_off_reloads,
                            .drain_ms = (int64_t)setting_ms(s, KEY_DRAIN),
                            .may_be_down = true,
                            .lock = -1};
    if (p->maps.n == 0) {
        report_about(r, "apply-no-map", s->path, WORD(""), WORD(""));
        return EXIT_UNUSABLE;
    }
    int status = apply_pass(a);
    if (a->binary != NULL)
        p->target = a->reads;
    return status;
}

/* Until what fails is about no object of Kubernetes. Each round sets aside more of them; the deadline of the pass is the end of all. */
static int rounds(struct pass *p, struct report *r, struct apply_pass *a)
{
    enum { MOST = 1000 };
    for (int n = 0;; n++) {
        int status = once(p, r, a);
        uint32_t found = 0;
        if (status == EXIT_DONE || a->sides[1].kube == NULL || n == MOST)
            return status;
        /* what has not changed since all was well is not at fault */
        for (size_t i = 0; n == 0 && i < p->maps.n; i++)
            (void)maps_read_last(r, &p->aside, a->sides[1].last, p->maps.of[i]);
        if (khap_kube_blame(a->sides[1].kube, r->diags, &found) != KHAP_OK || found == 0)
            return status;
        apply_pass_free(a);
        report_close(r);
        if (report_open(r) != EXIT_DONE)
            return EXIT_FAILED;
    }
}

/* ---- services at fault */

/* Lays each map as it is with those aside. */
static bool lay_suspects(struct pass *p, const struct khap_str *texts, size_t first)
{
    p->n_laid = first;
    for (size_t i = 0; i < p->maps.n; i++) {
        struct pass_text text = {0};
        if (texts[i].ptr == NULL)
            continue;
        if (!suspects_text(&p->suspects, i, texts[i], &text) ||
            !inputs_keep(&p->texts, (struct khap_str){text.ptr, text.len}) ||
            !lay(p, p->maps.of[i], (struct khap_str){text.ptr, text.len}))
            return false;
    }
    return true;
}

/* Whether HAProxy would take it; else, with `why`, the first that is wrong. */
static bool takes(struct pass *p, struct apply_pass *a, const struct khap_str *texts, size_t first,
                  struct pass_text *why)
{
    struct report r = {0};
    bool good = lay_suspects(p, texts, first) && report_open(&r) == EXIT_DONE;
    if (!good)
        return false;
    p->check_only = true;
    good = once(p, &r, a) == EXIT_DONE;
    p->check_only = false;
    for (const struct khap_diag *d = NULL;
         !good && why != NULL && why->len == 0 && (d = khap_diags_next(r.diags, d)) != NULL;)
        if (khap_diag_severity(d) == KHAP_ERROR)
            (void)text_add_bytes(why, khap_diag_text(d).ptr, khap_diag_text(d).len);
    apply_pass_free(a);
    report_close(&r);
    return good;
}

static bool is_refused(const struct report *r)
{
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(r->diags, d)) != NULL;)
        if (strcmp(khap_diag_code(d), "apply-refused") == 0)
            return true;
    return false;
}

static void set_aside(struct pass *p, size_t from, size_t to, bool aside)
{
    for (size_t i = from; i < to; i++)
        p->suspects.of[i].aside = aside;
}

static void tell_aside(struct pass *p, const struct suspect *one, struct pass_text why)
{
    struct pass_text *t = &p->outcome->said[SAID_OBJECTS];
    const char *map = p->maps.of[one->map];
    bool kept = one->last.len > 0;
    bool good = text_add_format(t, "%s{\"service\":", t->len > 0 ? ",\n" : "") &&
                text_add_json(t, one->name.ptr, one->name.len) &&
                text_add_format(t, ",\"accepted\":false,\"kept\":%s,\"reason\":", kept ? "true" : "false") &&
                text_add_json(t, why.ptr, why.len) && text_add_format(t, ",\"source\":") &&
                text_add_json(t, map, strlen(map)) && text_add_bytes(t, "}", 1);
    p->outcome->refused++;
    p->outcome->faults++;
    p->no_memory |= !good;
}

/*
 * The services that make all of it wrong, by halves: those that are added to what is good and spoil it. They are aside then, and the rest is laid. False:
 * nothing is found, and all is as before.
 */
static bool find_faults(struct pass *p, struct apply_pass *failed)
{
    enum { DEEP = 64 };
    struct {
        size_t from, to;
    } open[DEEP];
    size_t n_open = 0, first = p->n_laid, faults = 0;
    struct khap_str *texts = calloc(p->maps.n + 1, sizeof *texts);
    struct apply_pass *a = calloc(1, sizeof *a);
    if (failed->lock >= 0) /* the others want it */
        (void)close(failed->lock);
    failed->lock = -1;
    bool good = texts != NULL && a != NULL && setting_text(p->settings, KEY_STATE) != NULL;
    for (size_t i = 0; good && i < p->maps.n; i++) {
        const char *map = p->maps.of[i];
        struct khap_str last = {"", 0};
        if (strcmp(map, p->settings->path) == 0 || strcmp(map, p->cluster) == 0 ||
            input_read(map, LARGEST_SOURCE, &texts[i]) != INPUT_READ)
            continue;
        good = inputs_keep(&p->texts, texts[i]);
        (void)last_text(p, map, &last);
        good = good && suspects_add(&p->suspects, i, texts[i], last);
    }
    set_aside(p, 0, p->suspects.n, true);
    if (good && p->suspects.n > 0 && takes(p, a, texts, first, NULL))
        open[n_open++].from = 0, open[0].to = p->suspects.n;
    while (n_open > 0) {
        size_t from = open[--n_open].from, to = open[n_open].to;
        struct pass_text why = {0};
        set_aside(p, from, to, false);
        if (!takes(p, a, texts, first, &why)) {
            set_aside(p, from, to, true);
            size_t middle = from + (to - from) / 2;
            if (to - from == 1) {
                tell_aside(p, &p->suspects.of[from], why);
                faults++;
            } else if (n_open + 2 <= DEEP) {
                open[n_open].from = middle, open[n_open++].to = to;
                open[n_open].from = from, open[n_open++].to = middle;
            }
        }
        free(why.ptr);
    }
    good = faults > 0 && lay_suspects(p, texts, first);
    if (!good)
        p->n_laid = first;
    free(texts);
    free(a);
    return good;
}

static struct khap_str *words_of(const struct setting *list, size_t *n)
{
    struct khap_str *words = calloc(list->n + 1, sizeof *words);
    *n = words != NULL ? list->n : 0;
    for (size_t i = 0; i < *n; i++)
        words[i] = word(list->list[i]);
    return words;
}

static bool take_options(struct pass *p)
{
    const struct settings *s = p->settings;
    const char *name = setting_text(s, KEY_SOURCES_KUBERNETES_NAME);
    struct khap_kube_options *o = &p->kube;
    if (name != NULL && !text_add_format(&p->prefix, "%s_", name))
        return false;
    if (name != NULL)
        o->prefix = (struct khap_str){p->prefix.ptr, p->prefix.len};
    o->source = word(name != NULL ? name : "");
    o->class_name = word(setting_text(s, KEY_SOURCES_KUBERNETES_CLASS));
    o->ingress_class = word(setting_text(s, KEY_SOURCES_KUBERNETES_INGRESS_CLASS));
    o->node_address = word(setting_text(s, KEY_SOURCES_KUBERNETES_NODE_ADDRESS));
    o->max_nodes = (uint32_t)setting_number(s, KEY_SOURCES_KUBERNETES_NODES_MAX);
    o->addresses = p->addresses = words_of(&s->values[KEY_SOURCES_KUBERNETES_ADDRESSES], &o->n_addresses);
    o->pool = p->pool = words_of(&s->values[KEY_SOURCES_KUBERNETES_POOL], &o->n_pool);
    o->status = wanted_status;
    o->status_ctx = &p->outcome->said[SAID_STATUSES];
    o->drain_cordoned = strcmp(setting_text(s, KEY_SOURCES_KUBERNETES_CORDON), "drain") == 0;
    return p->addresses != NULL && p->pool != NULL;
}

static bool gather_maps(struct pass *p)
{
    const struct settings *s = p->settings;
    const struct setting *files = &s->values[KEY_SOURCES_FILES];
    bool good = true;
    for (size_t i = 0; i < files->n && good; i++)
        good = files_of_source(&p->maps, files->list[i]);
    if (good && cluster_is_set(s)) {
        good = cluster_path(s, p->cluster, sizeof p->cluster) &&
               files_add(&p->maps, p->cluster, strlen(p->cluster));
        good =
            good && take_options(p) && (p->asked->cluster.len == 0 || lay(p, p->cluster, p->asked->cluster));
    }
    if (good && s->ground.len > 0)
        good = files_add(&p->maps, s->path, strlen(s->path)) && lay(p, s->path, s->ground);
    return good;
}

static void take_over(struct outcome *o, const struct apply_pass *a, int status)
{
    o->status = status;
    o->differs = a->differs;
    o->must_reload = a->must_reload;
    o->reloaded = a->reloaded;
    o->put_off = a->put_off;
    o->down = a->down;
    o->is_renewed = a->is_renewed;
    o->edited = a->edited;
    o->drained_ms = a->leaving.next_end_ms;
    o->generation = a->now != 0 ? a->now : a->was;
}

void pass_run(const struct settings *s, const struct pass_asked *asked, struct outcome *o)
{
    struct pass p = {.settings = s, .asked = asked, .outcome = o};
    struct report first = {0}, second = {0};
    struct apply_pass *a = calloc(1, sizeof *a);
    int64_t began = now_ms();
    khap_kube_options_init(&p.kube);
    p.kube.allow = s->allow;
    if (asked->target != NULL)
        p.target = *asked->target;
#ifdef HAVE_OPENSSL
    struct cert_memory *certs = cert_memory_new(cert_reader(), asked->certs);
    p.certs = certs != NULL ? cert_memory_reader(certs) : cert_reader();
#endif
    p.aside = (struct maps_aside){.ctx = &p, .last = last_text};
    *o = (struct outcome){.status = EXIT_FAILED};
    bool open = a != NULL && khap_kube_faults_new(NULL, &p.aside.faults) == KHAP_OK && gather_maps(&p) &&
                report_open(&first) == EXIT_DONE;
    if (open) {
        int status = rounds(&p, &first, a);
        bool tried = (status == EXIT_UNUSABLE || is_refused(&first)) && find_faults(&p, a) &&
                     report_open(&second) == EXIT_DONE;
        if (tried) {
            tell_diags(&p, &first);
            apply_pass_free(a);
            status = rounds(&p, &second, a);
        } else if (status != EXIT_DONE && (o->degraded = lay_last_good(&p, &first)) > 0 &&
                   report_open(&second) == EXIT_DONE) {
            tell_diags(&p, &first);
            tell_refused(&p, &first);
            p.no_memory |= !wanted_events(&o->said[SAID_EVENTS], &first, p.cluster);
            apply_pass_free(a);
            status = rounds(&p, &second, a);
        }
        take_over(o, a, status);
        o->target = p.target;
        if (status == EXIT_DONE && !asked->dry_run && !a->put_off && o->degraded == 0)
            keep_sources(&p, a);
        struct report *last = second.diags != NULL ? &second : &first;
        tell_faults(&p, last);
        tell_diags(&p, last);
        if (status != EXIT_DONE)
            tell_refused(&p, last);
        p.no_memory |= !wanted_events(&o->said[SAID_EVENTS], last, p.cluster);
        tell_objects(&p, a);
        look_at_certificates(&p);
        tell_changes(&p, a);
        for (size_t i = 0; i < p.seen.n; i++)
            p.no_memory |= !text_add_bytes(&o->said[SAID_SEEN], p.seen.of[i], strlen(p.seen.of[i]) + 1);
        apply_pass_free(a);
#ifdef HAVE_OPENSSL
        struct khap_str kept = certs != NULL ? cert_memory_keep(certs) : (struct khap_str){0};
        (void)text_add_bytes(&o->said[SAID_CERTS], kept.ptr, kept.len);
        free((char *)(uintptr_t)kept.ptr);
#endif
    }
#ifdef HAVE_OPENSSL
    cert_memory_free(certs);
#endif
    if (!open || p.no_memory) {
        o->status = EXIT_FAILED;
        (void)text_add_format(&o->said[SAID_DIAGS], "khapd: error: out of memory\n");
    }
    o->ms = now_ms() - began;
    report_close(&first);
    report_close(&second);
    free(a);
    free(p.laid);
    suspects_free(&p.suspects);
    free(p.prefix.ptr);
    free(p.addresses);
    free(p.pool);
    inputs_free(&p.texts);
    khap_kube_faults_free(p.aside.faults);
    files_free(&p.maps);
    files_free(&p.seen);
}

void outcome_free(struct outcome *o)
{
    for (int i = 0; i < SAID_COUNT; i++)
        free(o->said[i].ptr);
    *o = (struct outcome){0};
}

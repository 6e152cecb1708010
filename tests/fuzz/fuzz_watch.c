/* fuzz/fuzz_watch.c - any bytes as answers of an API server: cut anywhere they come to the same, and what is kept can be read and written again.
 * The first byte chooses the kind, the second how the answer is cut; a zero byte ends an answer.
 * covers: lib/kube
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"

#include <khap/cluster.h>
#include <khap/kube.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

static void write_all(const struct khap_mirror *mirror, struct buf *text)
{
    const struct khap_sink sink = {text, into_buf};
    MUST(khap_mirror_write(mirror, &sink) == KHAP_OK);
}

static void answers(struct khap_mirror *mirror, struct khap_str kind, const char *data, size_t size,
                    size_t piece)
{
    struct khap_watch_options o;
    struct khap_watch *watch;
    struct khap_watch_next next = {.size = sizeof next};
    int64_t now = 0;
    khap_watch_options_init(&o);
    o.kind = kind;
    o.streaming = piece & 1;
    MUST(khap_watch_new(NULL, mirror, &o, &watch) == KHAP_OK);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(data + at, 0, size - at);
        size_t len = end ? (size_t)(end - data) - at : size - at;
        MUST(khap_watch_step(watch, now, 0, &next) == KHAP_OK);
        if (next.what == KHAP_WATCH_WAIT) {
            MUST(next.until > now);
            now = next.until;
            MUST(khap_watch_step(watch, now, 0, &next) == KHAP_OK);
        }
        if (next.what != KHAP_WATCH_ASK) /* Secrets that nobody names */
            break;
        MUST(next.target.len > 0 && next.target.ptr[0] == '/');
        MUST(khap_watch_head(watch, now, len > 0 && data[at] == '!' ? 410 : 200, 0) == KHAP_OK);
        for (size_t done = 0; done < len;) {
            size_t n = piece > 1 && piece / 2 < len - done ? piece / 2 : len - done;
            enum khap_status status = khap_watch_body(watch, now, (struct khap_str){data + at + done, n});
            MUST(status == KHAP_OK || status == KHAP_EINPUT);
            if (status != KHAP_OK)
                break;
            done += n;
        }
        MUST(khap_watch_end(watch, now, 0) == KHAP_OK);
        at += len + 1;
    }
    khap_watch_free(watch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct khap_mirror *mirror[3];
    struct buf text[3];
    size_t kinds = 0;
    if (size < 2)
        return 0;
    while (khap_watch_kind(kinds, NULL, NULL).len > 0)
        kinds++;
    struct khap_str kind = khap_watch_kind(data[0] % kinds, NULL, NULL);
    const char *rest = (const char *)data + 2;
    for (int i = 0; i < 3; i++) {
        MUST(khap_mirror_new(NULL, 0, &mirror[i]) == KHAP_OK);
        khap__buf_init(&text[i], NULL);
    }
    answers(mirror[0], kind, rest, size - 2, data[1] & 1);
    answers(mirror[1], kind, rest, size - 2, data[1]);
    write_all(mirror[0], &text[0]);
    write_all(mirror[1], &text[1]);
    MUST(khap__str_eq(khap__buf_str(&text[0]), khap__buf_str(&text[1])));
    MUST(khap_mirror_read(mirror[2], khap__buf_str(&text[0])) == KHAP_OK);
    write_all(mirror[2], &text[2]);
    MUST(khap__str_eq(khap__buf_str(&text[0]), khap__buf_str(&text[2])));
    /* and it is YAML: whatever is wrong with an object, it is an object */
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_kube *kube;
    uint32_t id;
    MUST(khap_sources_new(NULL, &sources) == KHAP_OK && khap_diags_new(NULL, sources, &diags) == KHAP_OK);
    MUST(khap_kube_new(NULL, &kube) == KHAP_OK);
    MUST(khap_sources_add(sources, S("mirror"), khap__buf_str(&text[0]), &id) == KHAP_OK);
    enum khap_status status = khap_kube_read(kube, id, diags);
    MUST(status == KHAP_OK || status == KHAP_EINPUT ||
         (status == KHAP_ENOENT && khap_mirror_count(mirror[0]) == 0));
    for (const struct khap_diag *d = NULL; (d = khap_diags_next(diags, d)) != NULL;)
        MUST(strncmp(khap_diag_code(d), "yaml-", 5) != 0 || strcmp(khap_diag_code(d), "yaml-too-deep") == 0 ||
             strcmp(khap_diag_code(d), "yaml-merge") == 0);
    khap_kube_free(kube);
    khap_diags_free(diags);
    khap_sources_free(sources);
    for (int i = 0; i < 3; i++) {
        khap_mirror_free(mirror[i]);
        khap__buf_free(&text[i]);
    }
    return 0;
}

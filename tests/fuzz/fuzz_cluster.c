/* fuzz/fuzz_cluster.c - any bytes as a kubeconfig, as two, and as what a program for credentials answers; nothing that is told shows a secret.
 * covers: lib/kube
 * SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/buf.h"

#include <khap/cluster.h>

static int into_buf(void *ctx, const char *data, size_t len)
{
    khap__buf_add(ctx, (struct khap_str){data, len});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct khap_str text = {(const char *)data, size}, half = {(const char *)data, size / 2},
                          rest = {(const char *)data + size / 2, size - size / 2},
                          paths[] = {S("/etc/a"), S("b/c")}, both[] = {half, rest};
    for (size_t n = 1; n <= 2; n++) {
        struct khap_sources *sources;
        struct khap_diags *diags;
        struct khap_cluster *c;
        struct buf said;
        khap__buf_init(&said, NULL);
        const struct khap_sink sink = {&said, into_buf};
        MUST(khap_sources_new(NULL, &sources) == KHAP_OK && khap_diags_new(NULL, sources, &diags) == KHAP_OK);
        enum khap_status status = khap_cluster_read(NULL, paths, n == 1 ? &text : both, n, S(""), diags, &c);
        MUST(status == KHAP_OK || status == KHAP_EINPUT);
        MUST((status == KHAP_OK) == (c != NULL) &&
             (status == KHAP_OK) == (khap_diags_count(diags, KHAP_ERROR) == 0));
        MUST(khap_diags_print(diags, 0, &sink) == KHAP_OK);
        if (c) {
            struct khap_cluster_info i = {.size = sizeof i};
            int64_t expires;
            MUST(khap_cluster_get(c, &i) == KHAP_OK && i.server.len > 0);
            MUST(i.token.len == 0 || !memchr(i.token.ptr, '\n', i.token.len));
            MUST((i.cert_data.len > 0 || i.cert_file.len > 0) == (i.key_data.len > 0 || i.key_file.len > 0));
            MUST(khap_cluster_exec_argument(c, i.exec_arguments).len == 0);
            status = khap_cluster_exec_answer(c, text, &expires);
            MUST(status == KHAP_OK || status == KHAP_EINPUT);
        }
        khap_cluster_free(c);
        khap__buf_free(&said);
        khap_diags_free(diags);
        khap_sources_free(sources);
    }
    return 0;
}

/*
 * route CONFIGURATION URLS BIND ROUNDS SIDE-FILE: how fast khap_route_ask() answers the URLs of a file, one a line. Prints the seconds that reading
 * took, those of the fastest round of questions, how many they are, and how many come to a backend for certain. SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"
#include <khap/khap.h>
#include <string.h>

/* All URLs, one after the other; how many come to a backend for certain. -1: it failed. */
static long ask_all(const struct khap_route *route, struct khap_str urls, const char *bind, size_t *asked)
{
    struct khap_route_request request;
    long certain = 0;
    khap_route_request_init(&request);
    request.bind = (struct khap_str){bind, strlen(bind)};
    request.source = (struct khap_str){"192.0.2.1", 9};
    for (const char *at = urls.ptr, *end = urls.ptr + urls.len, *stop;
         at < end && (stop = memchr(at, '\n', (size_t)(end - at))) != NULL; at = stop + 1) {
        struct khap_route_answer *answer;
        struct khap_route_outcome outcome = {.size = sizeof outcome};
        request.url = (struct khap_str){at, (size_t)(stop - at)};
        if (khap_route_ask(route, &request, &answer) != KHAP_OK ||
            khap_route_outcome_at(answer, 0, &outcome) != KHAP_OK)
            return -1;
        certain += outcome.backend.len > 0 && outcome.n_reasons == 0;
        ++*asked;
        khap_route_answer_free(answer);
    }
    return certain;
}

int main(int argc, char **argv)
{
    struct khap_bundle *bundle;
    struct khap_document *doc;
    struct khap_route *route;
    struct khap_target target;
    size_t len = 0, urls_len = 0, side_len = 0, asked = 0;
    if (argc != 6)
        return 2;
    char *text = slurp(argv[1], &len), *urls = slurp(argv[2], &urls_len);
    char *side = slurp(argv[5], &side_len);
    int rounds = atoi(argv[4]);
    long certain = 0;
    double best = 0, start = now();
    khap_target_init(&target);
    target.first = target.last = KHAP_RELEASE(2, 6);
    if (text == NULL || urls == NULL || side == NULL)
        return 2;
    if (khap_bundle_new(NULL, &bundle) ||
        khap_document_parse(NULL, &target, (struct khap_str){text, len}, 0, NULL, &doc) ||
        khap_bundle_add_document(bundle, (struct khap_str){argv[1], strlen(argv[1])}, doc, 0) ||
        khap_bundle_add_file(bundle, (struct khap_str){argv[5], strlen(argv[5])},
                             (struct khap_str){side, side_len}, 0) ||
        khap_route_new(NULL, bundle, &target, NULL, NULL, &route))
        return 1;
    double read = now() - start;
    for (int i = 0; i < rounds && certain >= 0; i++) {
        asked = 0;
        start = now();
        certain = ask_all(route, (struct khap_str){urls, urls_len}, argv[3], &asked);
        double took = now() - start;
        if (best == 0 || took < best)
            best = took;
    }
    printf("%.6f %.6f %zu %ld\n", read, best, asked, certain);
    khap_route_free(route);
    khap_bundle_free(bundle);
    free(text);
    free(urls);
    free(side);
    return certain < 0;
}

/* khapd/request.h - a request, as libcurl makes it; and libcurl's sockets behind one descriptor that the loop waits for. SPDX-License-Identifier: MIT */
#ifndef KHAPD_REQUEST_H
#define KHAPD_REQUEST_H

#include "khapd/credentials.h"
#include <curl/curl.h>

struct requests {
    CURLM *multi;
    int fd;     /* all of its sockets; -1 */
    int64_t at; /* when it wants to be called without one; INT64_MAX */
    int64_t now;
};

/* False with errno. */
bool requests_open(struct requests *r);
void requests_close(struct requests *r);
/* Goes on with all of them, without waiting. */
void requests_step(struct requests *r, int64_t now);

/* Who is told what comes: the head, then the content in pieces. False: enough. */
struct request_taker {
    bool (*head)(void *ctx, int64_t now, uint32_t http, uint32_t retry_after);
    bool (*body)(void *ctx, int64_t now, struct khap_str bytes);
    void *ctx;
};

struct request {
    CURL *easy;
    struct curl_slist *fields, *way;
    struct request_taker taker;
    const int64_t *now;
    bool at_work, head;
    char error[CURL_ERROR_SIZE];
};

/* What is asked: a method, path and query, and what is sent with it, which stays where it is until the answer. GET sends nothing. */
struct request_asked {
    struct khap_str method, target, type, body;
};

/* Begins to ask. False: there was no memory, or a file of a certificate is missing. */
bool request_start(struct request *q, struct requests *r, const struct credentials *c,
                   const struct request_asked *asked);
/* Gives up what is asked. */
void request_stop(struct request *q, struct requests *r);
void request_free(struct request *q, struct requests *r);
/* One that came to its end; NULL when there is none. `error`: what libcurl says of it, NULL when all went well. */
struct request *requests_ended(struct requests *r, const char **error);

#endif

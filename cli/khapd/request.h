/* khapd/request.h - a GET, as libcurl makes it; and libcurl's sockets behind one descriptor that the loop waits for. SPDX-License-Identifier: MIT */
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

struct request {
    CURL *easy;
    struct curl_slist *fields, *way;
    struct khap_watch *watch;
    const int64_t *now;
    bool at_work, head;
    char error[CURL_ERROR_SIZE];
};

/* Begins to ask; what comes goes to `watch`. False: there was no memory, or a file of a certificate is missing. */
bool request_start(struct request *q, struct requests *r, const struct credentials *c,
                   struct khap_str target);
/* Gives up what is asked. */
void request_stop(struct request *q, struct requests *r);
void request_free(struct request *q, struct requests *r);
/* One that came to its end; NULL when there is none. `error`: what libcurl says of it, NULL when all went well. */
struct request *requests_ended(struct requests *r, const char **error);

#endif

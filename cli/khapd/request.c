/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/request.h"

#include <khap/khap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECT_S = 10, KEEP_IDLE_S = 30, KEEP_EVERY_S = 10, URL_ROOM = 16384, PATH_ROOM = 4096, EVENTS = 64 };

/* ---- libcurl's sockets */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct requests *r = ctx;
    struct epoll_event e = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(r->fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    e.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    (void)epoll_ctl(r->fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
    (void)curl_multi_assign(r->multi, fd, r);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct requests *r = ctx;
    (void)multi;
    r->at = ms < 0 ? INT64_MAX : r->now + ms;
    return 0;
}

bool requests_open(struct requests *r)
{
    *r = (struct requests){.fd = epoll_create1(EPOLL_CLOEXEC), .at = INT64_MAX};
    if (r->fd < 0)
        return false;
    r->multi = curl_multi_init();
    return r->multi != NULL && curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r) == CURLM_OK &&
           curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r) == CURLM_OK;
}

void requests_close(struct requests *r)
{
    if (r->multi != NULL)
        (void)curl_multi_cleanup(r->multi);
    if (r->fd >= 0)
        (void)close(r->fd);
    *r = (struct requests){.fd = -1};
}

void requests_step(struct requests *r, int64_t now)
{
    struct epoll_event events[EVENTS];
    int running;
    r->now = now;
    int n = epoll_wait(r->fd, events, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        (void)curl_multi_socket_action(r->multi, events[i].data.fd, what, &running);
    }
    if (now >= r->at) {
        r->at = INT64_MAX;
        (void)curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

/* ---- what comes */

static uint32_t retry_after(CURL *easy)
{
    curl_off_t seconds = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 && seconds < 100000 ? (uint32_t)seconds : 0;
}

static bool take_head(struct request *q)
{
    long http = 0;
    if (q->head)
        return true;
    q->head = true;
    (void)curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &http);
    return q->taker.head(q->taker.ctx, *q->now, (uint32_t)http, retry_after(q->easy));
}

/* Each line of the head, the blank one too; a watch without events sends nothing else for minutes. An answer like 100 goes before the answer. */
static size_t on_head(char *bytes, size_t size, size_t n, void *ctx)
{
    enum { FIRST_FINAL = 200 };
    struct request *q = ctx;
    size_t len = size * n;
    long http = 0;
    bool blank = len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
    (void)curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &http);
    return !blank || http < FIRST_FINAL || take_head(q) ? len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct request *q = ctx;
    size_t len = size * n;
    bool good = take_head(q) && q->taker.body(q->taker.ctx, *q->now, (struct khap_str){bytes, len});
    return good ? len : 0; /* libcurl then gives up */
}

/* ---- what is asked */

struct easy {
    CURL *handle;
    bool good;
};

static void set_text(struct easy *e, CURLoption option, struct khap_str text)
{
    char *copy = text.len > 0 && text.len < SIZE_MAX ? malloc(text.len + 1) : NULL;
    if (text.len == 0)
        return;
    if (copy != NULL) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    e->good = e->good && copy != NULL && curl_easy_setopt(e->handle, option, copy) == CURLE_OK;
    free(copy);
}

/* PEM in memory, or a file of it. */
static void set_pem(struct easy *e, CURLoption as_blob, struct khap_str data, CURLoption as_file,
                    struct khap_str file)
{
    struct curl_blob blob = {(void *)(uintptr_t)data.ptr, data.len, CURL_BLOB_COPY};
    if (data.len > 0)
        e->good = e->good && curl_easy_setopt(e->handle, as_blob, &blob) == CURLE_OK;
    else
        set_text(e, as_file, file);
}

static void set_number(struct easy *e, CURLoption option, long n)
{
    e->good = e->good && curl_easy_setopt(e->handle, option, n) == CURLE_OK;
}

static bool add_field(struct request *q, const char *name, struct khap_str value)
{
    struct pass_text t = {0};
    bool good = text_add_format(&t, "%s: ", name) && text_add_bytes(&t, value.ptr, value.len);
    struct curl_slist *more = good ? curl_slist_append(q->fields, t.ptr) : NULL;
    q->fields = more != NULL ? more : q->fields;
    free(t.ptr);
    return more != NULL;
}

/* HOST[:PORT] of the server's address, and what stands before and behind it. */
static bool split(struct khap_str server, struct khap_str *scheme, struct khap_str *host,
                  struct khap_str *path)
{
    const char *colon = memchr(server.ptr, ':', server.len);
    if (colon == NULL || server.len < (size_t)(colon - server.ptr) + 3)
        return false;
    *scheme = (struct khap_str){server.ptr, (size_t)(colon - server.ptr) + 3};
    struct khap_str rest = {server.ptr + scheme->len, server.len - scheme->len};
    const char *slash = memchr(rest.ptr, '/', rest.len);
    *host = (struct khap_str){rest.ptr, slash != NULL ? (size_t)(slash - rest.ptr) : rest.len};
    *path = (struct khap_str){rest.ptr + host->len, rest.len - host->len};
    return host->len > 0;
}

/* The port with its colon; empty without one. */
static struct khap_str port_of(struct khap_str host)
{
    for (size_t i = host.len; i > 0 && host.ptr[i - 1] != ']'; i--)
        if (host.ptr[i - 1] == ':')
            return (struct khap_str){host.ptr + i - 1, host.len - i + 1};
    return WORD("");
}

/* The name in the URL is what the certificate is held against; the connection goes to the server's own address. */
static bool set_url(struct request *q, struct easy *e, const struct khap_cluster_info *info,
                    struct khap_str target)
{
    struct khap_str scheme, host, path;
    struct pass_text url = {0}, way = {0};
    if (!split(info->server, &scheme, &host, &path))
        return false;
    bool other = info->tls_server_name.len > 0;
    struct khap_str port = port_of(host), name = {host.ptr, host.len - port.len};
    bool good = text_add_bytes(&url, scheme.ptr, scheme.len);
    if (other)
        good = good && text_add_bytes(&url, info->tls_server_name.ptr, info->tls_server_name.len) &&
               text_add_bytes(&url, port.ptr, port.len) && text_add_format(&way, "::") &&
               text_add_bytes(&way, name.ptr, name.len) && text_add_format(&way, ":") &&
               add_field(q, "Host", host);
    else
        good = good && text_add_bytes(&url, host.ptr, host.len);
    good = good && text_add_bytes(&url, path.ptr, path.len) && text_add_bytes(&url, target.ptr, target.len);
    if (good)
        set_text(e, CURLOPT_URL, (struct khap_str){url.ptr, url.len});
    free(url.ptr);
    if (good && other) {
        struct curl_slist *list = curl_slist_append(NULL, way.ptr);
        curl_slist_free_all(q->way);
        q->way = list;
        good = list != NULL && curl_easy_setopt(e->handle, CURLOPT_CONNECT_TO, list) == CURLE_OK;
    }
    free(way.ptr);
    return good && e->good;
}

static bool set_credentials(struct request *q, struct easy *e, const struct credentials *c)
{
    const struct khap_cluster_info *i = &c->info;
    struct khap_str token = i->token_file.len > 0 ? (struct khap_str){c->token.ptr, c->token.len} : i->token;
    struct pass_text bearer = {0};
    set_pem(e, CURLOPT_CAINFO_BLOB, i->ca_data, CURLOPT_CAINFO, i->ca_file);
    set_pem(e, CURLOPT_SSLCERT_BLOB, i->cert_data, CURLOPT_SSLCERT, i->cert_file);
    set_pem(e, CURLOPT_SSLKEY_BLOB, i->key_data, CURLOPT_SSLKEY, i->key_file);
    set_number(e, CURLOPT_SSL_VERIFYPEER, i->insecure ? 0 : 1);
    set_number(e, CURLOPT_SSL_VERIFYHOST, i->insecure ? 0 : 2);
    set_text(e, CURLOPT_PROXY, i->proxy_url);
    if (token.len > 0)
        e->good = e->good && text_add_format(&bearer, "Bearer ") &&
                  text_add_bytes(&bearer, token.ptr, token.len) &&
                  add_field(q, "Authorization", (struct khap_str){bearer.ptr, bearer.len});
    else if (i->user.len > 0) {
        set_text(e, CURLOPT_USERNAME, i->user);
        set_text(e, CURLOPT_PASSWORD, i->password);
    }
    if (i->as_user.len > 0)
        e->good = e->good && add_field(q, "Impersonate-User", i->as_user);
    for (size_t n = 0; n < bearer.len; n++)
        ((volatile char *)bearer.ptr)[n] = 0;
    free(bearer.ptr);
    return e->good;
}

/* GET is what libcurl does by itself. */
static bool set_content(struct request *q, struct easy *e, const struct request_asked *a)
{
    if (a->body.len == 0)
        return true;
    set_text(e, CURLOPT_CUSTOMREQUEST, a->method);
    set_number(e, CURLOPT_POSTFIELDSIZE, (long)a->body.len);
    e->good = e->good && curl_easy_setopt(e->handle, CURLOPT_POSTFIELDS, a->body.ptr) == CURLE_OK;
    return e->good && add_field(q, "Content-Type", a->type) && add_field(q, "Expect", WORD(""));
}

bool request_start(struct request *q, struct requests *r, const struct credentials *c,
                   const struct request_asked *asked)
{
    char agent[64];
    if (q->easy == NULL && (q->easy = curl_easy_init()) == NULL)
        return false;
    curl_easy_reset(q->easy); /* the connection stays */
    curl_slist_free_all(q->fields);
    q->fields = NULL;
    q->head = false;
    q->error[0] = '\0';
    q->now = &r->now;
    struct easy e = {q->easy, true};
    snprintf(agent, sizeof agent, "khapd/%s", khap_version());
    e.good = curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_ERRORBUFFER, q->error) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_USERAGENT, agent) == CURLE_OK &&
             curl_easy_setopt(q->easy, CURLOPT_ACCEPT_ENCODING, "gzip") == CURLE_OK &&
             add_field(q, "Accept", WORD("application/json"));
#if LIBCURL_VERSION_NUM >= 0x075500
    e.good = e.good && curl_easy_setopt(q->easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    set_number(&e, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    set_number(&e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1); /* what a proxy says of its own is no answer */
    set_number(&e, CURLOPT_NOSIGNAL, 1);
    set_number(&e, CURLOPT_FOLLOWLOCATION, 0);
    set_number(&e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_number(&e, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    set_number(&e, CURLOPT_TCP_KEEPALIVE, 1);
    set_number(&e, CURLOPT_TCP_KEEPIDLE, KEEP_IDLE_S);
    set_number(&e, CURLOPT_TCP_KEEPINTVL, KEEP_EVERY_S);
    bool good = set_url(q, &e, &c->info, asked->target) && set_credentials(q, &e, c) &&
                set_content(q, &e, asked) &&
                curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->fields) == CURLE_OK &&
                curl_multi_add_handle(r->multi, q->easy) == CURLM_OK;
    q->at_work = good;
    return good;
}

void request_stop(struct request *q, struct requests *r)
{
    if (q->at_work)
        (void)curl_multi_remove_handle(r->multi, q->easy);
    q->at_work = false;
}

void request_free(struct request *q, struct requests *r)
{
    request_stop(q, r);
    if (q->easy != NULL)
        curl_easy_cleanup(q->easy);
    curl_slist_free_all(q->fields);
    curl_slist_free_all(q->way);
    *q = (struct request){0};
}

struct request *requests_ended(struct requests *r, const char **error)
{
    const CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(r->multi, &left)) != NULL) {
        struct request *q = NULL;
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &q) != CURLE_OK ||
            q == NULL)
            continue;
        CURLcode code = m->data.result;
        if (code == CURLE_OK) /* an answer without a body */
            (void)take_head(q);
        *error = code == CURLE_OK || code == CURLE_WRITE_ERROR ? NULL
                 : q->error[0] != '\0'                         ? q->error
                                                               : curl_easy_strerror(code);
        request_stop(q, r);
        return q;
    }
    return NULL;
}

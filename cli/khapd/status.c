/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64, IDLE_SECONDS = 10, HOST_ROOM = 64, BACKLOG = 64 };

struct status {
    struct MHD_Daemon *daemon;
    int fd;
    const struct known *known;
};

/* ---- the pages */

static bool is_ready(const struct known *k)
{
    return k->up && k->has_accepted;
}

static bool is_synced(const struct known *k)
{
    return k->synced && (!k->has_cluster || k->cluster.synced) && k->looked_at != 0 &&
           k->now - k->looked_at <= k->stale_ms;
}

static unsigned healthz(const struct known *k, struct pass_text *t)
{
    (void)k;
    return text_add_format(t, "ok\n") ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned readyz(const struct known *k, struct pass_text *t)
{
    (void)text_add_format(t, "%s\n",
                          is_ready(k) ? "ok"
                          : !k->up    ? "HAProxy does not answer"
                                      : "HAProxy may not have the configuration that was accepted last");
    return is_ready(k) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned synced(const struct known *k, struct pass_text *t)
{
    const struct khap_str behind = k->cluster.behind;
    if (k->looked_at != 0 && k->has_cluster && !k->cluster.synced)
        (void)text_add_format(t, "the cluster is not followed, or not all of it: %.*s\n", (int)behind.len,
                              behind.ptr);
    else
        (void)text_add_format(t, "%s\n",
                              is_synced(k)        ? "ok"
                              : k->looked_at == 0 ? "no pass has ended yet"
                              : !k->synced        ? "the last pass could not take all sources as they are"
                                                  : "the last pass is too long ago");
    return is_synced(k) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned objects(const struct known *k, struct pass_text *t)
{
    bool good = text_add_format(t, "{\"generation\":%" PRIu32 ",\"objects\":[\n", k->generation) &&
                text_add_bytes(t, k->said_objects.ptr, k->said_objects.len) && text_add_format(t, "\n]}\n");
    return good ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static bool metric(struct pass_text *t, const char *name, const char *type, const char *help)
{
    return text_add_format(t, "# HELP khapd_%s %s\n# TYPE khapd_%s %s\n", name, help, name, type);
}

static bool one(struct pass_text *t, const char *name, const char *type, const char *help, uint64_t n)
{
    return metric(t, name, type, help) && text_add_format(t, "khapd_%s %" PRIu64 "\n", name, n);
}

static bool seconds(struct pass_text *t, const char *name, const char *help, int64_t ms)
{
    return metric(t, name, "gauge", help) &&
           text_add_format(t, "khapd_%s %" PRId64 ".%03d\n", name, ms / 1000, (int)(ms % 1000));
}

static bool tell_writes(struct pass_text *t, const struct writes_state *w)
{
    return !w->writes || (one(t, "cluster_writes", "gauge",
                              "1 when this khapd is the one that writes to the cluster.", w->holds) &&
                          one(t, "cluster_writes_total", "counter",
                              "Statuses, finalizers and events that were written.", w->written) &&
                          one(t, "cluster_write_conflicts_total", "counter",
                              "How often an object had changed meanwhile.", w->conflicts) &&
                          one(t, "cluster_write_failures_total", "counter",
                              "How often something could not be written.", w->failures) &&
                          one(t, "cluster_writes_refused_total", "counter", "How often it was not permitted.",
                              w->refused) &&
                          one(t, "cluster_writes_waiting", "gauge",
                              "Objects that do not say yet what they should.", w->waiting));
}

static unsigned metrics(const struct known *k, struct pass_text *t)
{
    bool good =
        one(t, "ready", "gauge", "1 when /readyz is ok.", is_ready(k)) &&
        one(t, "synced", "gauge", "1 when /synced is ok.", is_synced(k)) &&
        one(t, "haproxy_up", "gauge", "1 when HAProxy answers.", k->up) &&
        one(t, "haproxy_starts_total", "counter", "How often khapd started HAProxy.", k->starts) &&
        one(t, "old_workers", "gauge", "Processes of HAProxy that wait for their last connections.",
            k->old_workers) &&
        one(t, "generation", "gauge", "The generation that counts.", k->generation) &&
        metric(t, "passes_total", "counter", "Passes from sources to HAProxy, by their end.") &&
        text_add_format(t,
                        "khapd_passes_total{result=\"good\"} %" PRIu64
                        "\nkhapd_passes_total{result=\"invalid\"} %" PRIu64
                        "\nkhapd_passes_total{result=\"failed\"} %" PRIu64
                        "\nkhapd_passes_total{result=\"died\"} %" PRIu64 "\n",
                        k->passes_good, k->passes_invalid, k->passes_failed, k->passes_died) &&
        one(t, "runtime_changes_total", "counter", "Changes that were made at run time.", k->changes) &&
        metric(t, "reloads_total", "counter", "Reloads of HAProxy, by reason.") &&
        text_add_format(t,
                        "khapd_reloads_total{reason=\"needed\"} %" PRIu64
                        "\nkhapd_reloads_total{reason=\"renewed\"} %" PRIu64
                        "\nkhapd_reloads_total{reason=\"fallback\"} %" PRIu64 "\n",
                        k->reloads_needed, k->reloads_renewed, k->reloads_other) &&
        one(t, "reloads_put_off_total", "counter", "Passes whose reload had to wait for minInterval.",
            k->put_off) &&
        one(t, "objects", "gauge", "Services that are accepted.", k->objects) &&
        one(t, "refused", "gauge", "Errors in sources.", k->refused) &&
        one(t, "objects_set_aside", "gauge",
            "Objects of which the last valid version counts, or that are left out.", k->faults) &&
        one(t, "degraded_sources", "gauge",
            "Sources of which the last good text counts, or that are left out.", k->degraded) &&
        (k->first_end == 0 ||
         one(t, "certificate_expires_timestamp_seconds", "gauge",
             "When the first certificate expires that the sources name.", (uint64_t)k->first_end)) &&
        (!k->has_cluster ||
         (one(t, "cluster_synced", "gauge", "1 when all of the cluster has been seen and is followed.",
              k->cluster.synced) &&
          one(t, "cluster_objects", "gauge", "Objects of the cluster that are known.", k->cluster.objects) &&
          one(t, "cluster_objects_refused_total", "counter",
              "Objects that were too large, or that had no name of Kubernetes.", k->cluster.refused) &&
          one(t, "cluster_events_total", "counter", "Events of watches.", k->cluster.events) &&
          one(t, "cluster_lists_total", "counter", "How often all objects of a kind were asked for.",
              k->cluster.lists) &&
          one(t, "cluster_kinds_left_out", "gauge", "Kinds that are not served or not permitted.",
              k->cluster.left_out) &&
          tell_writes(t, &k->cluster.writes))) &&
        seconds(t, "last_change_to_live_seconds",
                "From the last change to the end of the pass that brought it.", k->live_ms) &&
        seconds(t, "last_pass_seconds", "How long the last pass took.", k->pass_ms);
    return good ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static const struct page {
    const char *path, *type;
    unsigned (*make)(const struct known *k, struct pass_text *t);
} pages[] = {{"/healthz", "text/plain", healthz},
             {"/readyz", "text/plain", readyz},
             {"/synced", "text/plain", synced},
             {"/objects", "application/json", objects},
             {"/metrics", "text/plain; version=0.0.4", metrics}};

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data, size_t *data_size,
                              void **connection_ctx)
{
    const struct status *s = ctx;
    struct pass_text text = {0};
    const char *type = "text/plain";
    unsigned code = MHD_HTTP_NOT_FOUND;
    (void)version;
    (void)data;
    (void)connection_ctx;
    *data_size = 0;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        code = MHD_HTTP_METHOD_NOT_ALLOWED;
    else
        for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
            if (strcmp(url, pages[i].path) == 0) {
                code = pages[i].make(s->known, &text);
                type = pages[i].type;
            }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        text.len, text.ptr != NULL ? text.ptr : (char *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
    free(text.ptr);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the socket */

static int listen_on(const char *address)
{
    char host[HOST_ROOM];
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to = {0};
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon - address >= HOST_ROOM) {
        errno = EINVAL;
        return -1;
    }
    bool v6 = address[0] == '[';
    size_t len = (size_t)(colon - address) - (v6 ? 2 : 0);
    uint16_t port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    memcpy(host, address + v6, len);
    host[len] = '\0';
    if (v6)
        to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    else
        to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    if (inet_pton(to.any.sa_family, host, v6 ? (void *)&to.v6.sin6_addr : (void *)&to.v4.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &to.any, v6 ? sizeof to.v6 : sizeof to.v4) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

struct status *status_start(const char *address, const struct known *known)
{
    struct status *s = calloc(1, sizeof *s);
    int fd = s != NULL ? listen_on(address) : -1;
    if (fd < 0) {
        free(s);
        return NULL;
    }
    s->known = known;
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, s, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        s->daemon != NULL ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info == NULL) {
        if (s->daemon != NULL)
            MHD_stop_daemon(s->daemon);
        else
            (void)close(fd);
        free(s);
        errno = ENOMEM;
        return NULL;
    }
    s->fd = info->epoll_fd;
    return s;
}

int status_fd(const struct status *s)
{
    return s->fd;
}

int status_timeout_ms(const struct status *s)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        return -1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void status_step(struct status *s)
{
    (void)MHD_run(s->daemon);
}

void status_stop(struct status *s)
{
    if (s == NULL)
        return;
    MHD_stop_daemon(s->daemon);
    free(s);
}

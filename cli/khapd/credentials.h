/* khapd/credentials.h - a kubeconfig, and the credentials that go with it. SPDX-License-Identifier: MIT */
#ifndef KHAPD_CREDENTIALS_H
#define KHAPD_CREDENTIALS_H

#include "khapd/log.h"
#include "khapd/pass.h"
#include <khap/cluster.h>
#include <sys/types.h>

struct credentials {
    const char *kubeconfig, *context; /* as the settings have them; NULL */
    struct khap_cluster *cluster;     /* NULL: nothing could be read yet */
    struct khap_cluster_info info;
    struct pass_text token; /* of tokenFile, as it was read last */
    /* the program that gives them */
    pid_t pid;                       /* 0: it does not run */
    int fd;                          /* what it writes; -1 */
    int64_t deadline_at, expires_at; /* of the monotonic clock; expires_at 0: never asked, INT64_MAX: never */
    int64_t renewed_at;
    struct pass_text answer;
};

void credentials_init(struct credentials *c, const char *kubeconfig, const char *context);
void credentials_free(struct credentials *c);
/* Reads the kubeconfig; what was read before stays when it is broken, which is said. */
bool credentials_read(struct credentials *c, const struct log *log);

enum credentials_state { CREDENTIALS_READY, CREDENTIALS_WANTED, CREDENTIALS_FAILED };
/*
 * What is to be sent is in `info` and `token`. CREDENTIALS_WANTED: a program is at work, `fd` is to be waited for. `renew`: the server has refused
 * what there is.
 */
enum credentials_state credentials_get(struct credentials *c, const struct log *log, int64_t now, bool renew);
/* Takes what the program writes. */
enum credentials_state credentials_step(struct credentials *c, const struct log *log, int64_t now);

#endif

/* base/certs.h - what is told of certificates, wherever they are named. SPDX-License-Identifier: MIT */
#ifndef BASE_CERTS_H
#define BASE_CERTS_H

#include "base/buf.h"
#include "base/diag.h"

#include <khap/cert.h>

enum { CERT_SOON_DAYS = 14 };

/* What a certificate is for: servers show it to anybody, clients show it to a server, a CA is only compared with. */
enum cert_use { CERT_OF_SERVER, CERT_OF_CLIENT, CERT_OF_CA };

struct cert_telling {
    struct khap_diags *diags;
    struct buf *text;     /* room for numbers */
    int64_t now;          /* seconds since 1970; 0: dates are not looked at */
    uint32_t soon_days;   /* one that expires earlier does so soon */
    bool chain_elsewhere; /* what is behind the first certificate may be added from another file */
};

/* What is told of the certificates of one file; no memory makes `text` or `diags` failed. */
void khap__cert_tell(const struct cert_telling *t, struct khap_place place, struct khap_str path,
                     const struct khap_cert_info *info, enum cert_use use);

/* As a TLS client compares a name of a certificate with a host: a wildcard is one label. */
bool khap__cert_name_covers(struct khap_str name, struct khap_str host);

#endif

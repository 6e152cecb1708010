/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/password.h"

#ifdef HAVE_OPENSSL
#include "cert.h"
#endif

#ifdef HAVE_CRYPT
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum khap_status same_hash(const char *password, const char *hash, uint32_t *same)
{
    const char *made = crypt(password, hash); /* khapgen has one thread */
    /* a `*` in front: the method is not known here, though HAProxy's machine may know it */
    bool known = made != NULL && *made != '*';
    *same = known && strcmp(made, hash) == 0 ? 1 : 0;
    return known ? KHAP_OK : KHAP_ENOENT;
}

static char *copy_of(struct khap_str text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static enum khap_status is_password(void *ctx, struct khap_str password, struct khap_str hash, uint32_t *same)
{
    char *first = copy_of(password), *second = copy_of(hash);
    enum khap_status status = KHAP_ENOMEM;
    (void)ctx;
    if (first != NULL && second != NULL)
        status = same_hash(first, second, same);
    free(first);
    free(second);
    return status;
}

#endif

void password_reader(struct khap_route_options *options)
{
#ifdef HAVE_CRYPT
    options->crypt = is_password;
#endif
#ifdef HAVE_OPENSSL
    options->digest = cert_digest;
#endif
    (void)options;
}

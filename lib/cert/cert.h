/* cert/cert.h - certificates through libcrypto: a reader, and one that stands in; linked into programs, not installed. SPDX-License-Identifier: MIT */
#ifndef CERT_CERT_H
#define CERT_CERT_H

#include <khap/cert.h>

#include <stddef.h>

/*
 * The reader, to be given to khap_generate(). It holds no state, so there is nothing to free, and several threads may use it. The memory that
 * held a private key is cleared; OpenSSL's queue of errors is left as it was.
 */
struct khap_cert_reader cert_reader(void);

/*
 * A reader that remembers: a text that it has read before is not parsed again. It is known by its SHA-256, so that what it says is what the other reader
 * would say; no key is kept. Of one thread.
 *
 * @param reader  the one that reads what is new
 * @param kept    what cert_memory_keep() of an earlier one gave, of this program; or empty
 * @return NULL without memory; freed with cert_memory_free()
 */
struct cert_memory;
struct cert_memory *cert_memory_new(struct khap_cert_reader reader, struct khap_str kept);
struct khap_cert_reader cert_memory_reader(struct cert_memory *memory);
/* What was asked of it, for the next one: malloc'ed, of no pointers; empty when nothing is new, or without memory. */
struct khap_str cert_memory_keep(const struct cert_memory *memory);
void cert_memory_free(struct cert_memory *memory);

/*
 * Makes a certificate that stands in for others: a new key of P-256, signed by itself, valid from a day before `now` for ten years, with no name that
 * anybody has.
 *
 * @param now  seconds since 1970
 * @param pem  [out] certificate and key in PEM; given back with cert_pem_free()
 * @return KHAP_OK, KHAP_ENOMEM; KHAP_EIO when OpenSSL cannot, for instance for want of random bytes
 */
enum khap_status cert_self_signed(int64_t now, struct khap_str *pem);
/* A digest, as struct khap_route_options has it; `ctx` is not used. */
enum khap_status cert_digest(void *ctx, struct khap_str name, struct khap_str text, unsigned char out[64],
                             uint32_t *len, uint32_t *block);
/* Clears and frees it; a NULL pointer is allowed. */
void cert_pem_free(struct khap_str pem);

#endif

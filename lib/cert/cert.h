/* cert/cert.h - certificates through libcrypto: a reader, and one that stands in; linked into programs, not installed. SPDX-License-Identifier: MIT */
#ifndef CERT_CERT_H
#define CERT_CERT_H

#include <khap/cert.h>

/*
 * The reader, to be given to khap_generate(). It holds no state, so there is nothing to free, and several threads may use it. The memory that
 * held a private key is cleared; OpenSSL's queue of errors is left as it was.
 */
struct khap_cert_reader cert_reader(void);

/*
 * Makes a certificate that stands in for others: a new key of P-256, signed by itself, valid from a day before `now` for ten years, with no name that
 * anybody has.
 *
 * @param now  seconds since 1970
 * @param pem  [out] certificate and key in PEM; given back with cert_pem_free()
 * @return KHAP_OK, KHAP_ENOMEM; KHAP_EIO when OpenSSL cannot, for instance for want of random bytes
 */
enum khap_status cert_self_signed(int64_t now, struct khap_str *pem);
/* Clears and frees it; a NULL pointer is allowed. */
void cert_pem_free(struct khap_str pem);

#endif

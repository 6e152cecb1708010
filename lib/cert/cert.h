/* cert/cert.h - a reader of certificates through libcrypto; linked into programs, not installed. SPDX-License-Identifier: MIT */
#ifndef CERT_CERT_H
#define CERT_CERT_H

#include <khap/cert.h>

/*
 * The reader, to be given to khap_generate(). It holds no state, so there is nothing to free, and several threads may use it. The memory that
 * held a private key is cleared; OpenSSL's queue of errors is left as it was.
 */
struct khap_cert_reader cert_reader(void);

#endif

/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cert.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAY = 86400, YEARS_10 = 3652 };

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) != 1 ||
        EVP_PKEY_keygen(ctx, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool added = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and never 0 */
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return set;
}

static bool fill(X509 *x, EVP_PKEY *key, int64_t now)
{
    static const unsigned char name[] = "khap placeholder";
    time_t at = (time_t)now;
    X509_NAME *subject = X509_get_subject_name(x);
    return X509_set_version(x, 2) == 1 && set_serial(x) &&
           X509_time_adj_ex(X509_getm_notBefore(x), -1, 0, &at) != NULL && /* clocks differ */
           X509_time_adj_ex(X509_getm_notAfter(x), YEARS_10, 0, &at) != NULL &&
           X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_subject_alt_name, "DNS:placeholder.invalid") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

static bool print(X509 *x, EVP_PKEY *key, struct khap_str *pem)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL, *copy = NULL;
    long len = 0;
    if (bio != NULL && PEM_write_bio_X509(bio, x) == 1 &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0 && (copy = OPENSSL_malloc((size_t)len)) != NULL) {
        memcpy(copy, text, (size_t)len);
        *pem = (struct khap_str){copy, (size_t)len};
    }
    BIO_free(bio);
    return copy != NULL;
}

enum khap_status cert_self_signed(int64_t now, struct khap_str *pem)
{
    *pem = (struct khap_str){NULL, 0};
    ERR_set_mark();
    EVP_PKEY *key = new_key();
    X509 *x = X509_new();
    enum khap_status status = KHAP_OK;
    if (key == NULL || x == NULL || !fill(x, key, now) || !print(x, key, pem))
        status = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? KHAP_ENOMEM : KHAP_EIO;
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return status;
}

void cert_pem_free(struct khap_str pem)
{
    if (pem.ptr != NULL)
        OPENSSL_clear_free((char *)(uintptr_t)pem.ptr, pem.len);
}

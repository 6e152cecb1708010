/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cert.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* What was found so far. */
struct reading {
    struct khap_cert_info *out;
    X509 *leaf; /* the first of `all` */
    STACK_OF(X509) * all;
    EVP_PKEY *key; /* the first private key that could be read */
    bool key_seen; /* the first one, readable or not */
};

/* One block of a PEM text. */
struct block {
    char *name, *header;
    unsigned char *data;
    long len;
};

static void block_free(struct block *b)
{
    OPENSSL_secure_free(b->name);
    OPENSSL_secure_free(b->header);
    OPENSSL_secure_clear_free(b->data, (size_t)b->len);
}

/* What OpenSSL's newest error says. */
static enum khap_status failure(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? KHAP_ENOMEM : KHAP_EINPUT;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && memcmp(s + n - m, end, m) == 0;
}

static bool is_certificate(const char *name)
{
    return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0 ||
           strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

static enum khap_status take_certificate(struct reading *r, const struct block *b)
{
    const unsigned char *p = b->data;
    X509 *x = strcmp(b->name, PEM_STRING_X509_TRUSTED) == 0 ? d2i_X509_AUX(NULL, &p, b->len)
                                                            : d2i_X509(NULL, &p, b->len);
    if (x == NULL)
        return failure();
    if (r->all == NULL)
        r->all = sk_X509_new_null();
    if (r->all == NULL || sk_X509_push(r->all, x) == 0) {
        X509_free(x);
        return KHAP_ENOMEM;
    }
    r->leaf = sk_X509_value(r->all, 0);
    r->out->certs++;
    return KHAP_OK;
}

static enum khap_status take_crl(struct reading *r, const struct block *b)
{
    const unsigned char *p = b->data;
    X509_CRL *list = d2i_X509_CRL(NULL, &p, b->len);
    if (list == NULL)
        return failure();
    X509_CRL_free(list);
    r->out->crls++;
    return KHAP_OK;
}

/* An encrypted key, or one of a kind that OpenSSL does not know, is one all the same. */
static void take_key(struct reading *r, const struct block *b)
{
    const unsigned char *p = b->data;
    r->out->keys++;
    if (r->key_seen)
        return;
    r->key_seen = true;
    if (strcmp(b->name, PEM_STRING_PKCS8) != 0 && strstr(b->header, "ENCRYPTED") == NULL)
        r->key = d2i_AutoPrivateKey(NULL, &p, b->len);
}

static enum khap_status read_blocks(struct reading *r, struct khap_str text, bool certificates)
{
    if (text.len > INT_MAX)
        return KHAP_EINPUT;
    BIO *bio = BIO_new_mem_buf(text.len > 0 ? text.ptr : "", (int)text.len);
    if (bio == NULL)
        return KHAP_ENOMEM;
    enum khap_status status = KHAP_OK;
    while (status == KHAP_OK) {
        struct block b = {0};
        if (PEM_read_bio_ex(bio, &b.name, &b.header, &b.data, &b.len, PEM_FLAG_SECURE) != 1) {
            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                status = failure();
            break;
        }
        if (is_certificate(b.name) && certificates)
            status = take_certificate(r, &b);
        else if (strcmp(b.name, PEM_STRING_X509_CRL) == 0)
            status = take_crl(r, &b);
        else if (strcmp(b.name, PEM_STRING_DHPARAMS) == 0 || strcmp(b.name, PEM_STRING_DHXPARAMS) == 0)
            r->out->dh_params++;
        else if (ends_with(b.name, "PRIVATE KEY"))
            take_key(r, &b);
        block_free(&b);
    }
    BIO_free(bio);
    return status;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar; years begin in March, so that the leap day is
 * their last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static enum khap_status seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return KHAP_EINPUT;
    *out = days_from_civil(tm.tm_year + INT64_C(1900), tm.tm_mon + 1, tm.tm_mday) * 86400 +
           tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
    return KHAP_OK;
}

static enum khap_status name(const struct reading *r, enum khap_cert_name_kind kind, const void *text,
                             size_t len)
{
    return r->out->name(r->out->ctx, (uint32_t)kind, (struct khap_str){text, len});
}

static enum khap_status alternative_name(const struct reading *r, const GENERAL_NAME *n)
{
    char text[INET6_ADDRSTRLEN];
    if (n->type == GEN_DNS)
        return name(r, KHAP_CERT_DNS, ASN1_STRING_get0_data(n->d.dNSName),
                    (size_t)ASN1_STRING_length(n->d.dNSName));
    if (n->type != GEN_IPADD)
        return KHAP_OK;
    int len = ASN1_STRING_length(n->d.iPAddress);
    if ((len != 4 && len != 16) ||
        inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(n->d.iPAddress), text, sizeof text) ==
            NULL)
        return KHAP_OK;
    return name(r, KHAP_CERT_IP, text, strlen(text));
}

/* The last one is the most specific. */
static enum khap_status common_name(const struct reading *r)
{
    X509_NAME *subject = X509_get_subject_name(r->leaf);
    int last = -1;
    for (int at; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0;)
        last = at;
    if (last < 0)
        return KHAP_OK;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    if (len < 0)
        return failure() == KHAP_ENOMEM ? KHAP_ENOMEM : KHAP_OK;
    enum khap_status status = name(r, KHAP_CERT_DNS, text, (size_t)len);
    OPENSSL_free(text);
    return status;
}

static enum khap_status names(const struct reading *r)
{
    int critical;
    GENERAL_NAMES *list = X509_get_ext_d2i(r->leaf, NID_subject_alt_name, &critical, NULL);
    if (list == NULL && critical != -1) /* those that cannot be read are none */
        return failure() == KHAP_ENOMEM ? KHAP_ENOMEM : KHAP_OK;
    if (list == NULL)
        return r->out->name != NULL ? common_name(r) : KHAP_OK;
    enum khap_status status = KHAP_OK;
    r->out->alt_names = (uint32_t)sk_GENERAL_NAME_num(list);
    for (int i = 0; i < sk_GENERAL_NAME_num(list) && r->out->name != NULL && status == KHAP_OK; i++)
        status = alternative_name(r, sk_GENERAL_NAME_value(list, i));
    GENERAL_NAMES_free(list);
    return status;
}

static uint32_t judge_key(const struct reading *r)
{
    if (!r->key_seen)
        return KHAP_CERT_KEY_NONE;
    if (r->key == NULL || r->leaf == NULL)
        return KHAP_CERT_KEY_UNKNOWN;
    return X509_check_private_key(r->leaf, r->key) == 1 ? KHAP_CERT_KEY_MATCHES : KHAP_CERT_KEY_DIFFERS;
}

enum { CHAIN_MOST = 32, SECURITY_BITS = 112 };

static bool signs(X509 *issuer, X509 *subject)
{
    return X509_check_issued(issuer, subject) == X509_V_OK;
}

static uint32_t judge_chain(const struct reading *r)
{
    int n = r->all != NULL ? sk_X509_num(r->all) : 0;
    if (n == 0 || n > CHAIN_MOST)
        return KHAP_CERT_CHAIN_UNKNOWN;
    if (n == 1)
        return signs(r->leaf, r->leaf) ? KHAP_CERT_CHAIN_GOOD : KHAP_CERT_CHAIN_ALONE;
    bool follows = true, walked[CHAIN_MOST] = {true};
    for (int i = 1; i < n && follows; i++)
        follows = signs(sk_X509_value(r->all, i), sk_X509_value(r->all, i - 1));
    if (follows)
        return KHAP_CERT_CHAIN_GOOD;
    int at = 0, reached = 1;
    for (int i = 0; i < n;) { /* each turn ends, or marks one more */
        if (!walked[i] && signs(sk_X509_value(r->all, i), sk_X509_value(r->all, at))) {
            walked[i] = true;
            at = i;
            reached++;
            i = 0;
        } else
            i++;
    }
    return reached == n ? KHAP_CERT_CHAIN_ORDER : KHAP_CERT_CHAIN_BROKEN;
}

static void judge_strength(const struct reading *r)
{
    EVP_PKEY *key = X509_get0_pubkey(r->leaf);
    int bits = 0, kind = key != NULL ? EVP_PKEY_base_id(key) : 0;
    r->out->key_type = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS ? KHAP_CERT_TYPE_RSA
                       : kind == EVP_PKEY_EC                            ? KHAP_CERT_TYPE_EC
                       : kind == EVP_PKEY_DSA                           ? KHAP_CERT_TYPE_DSA
                                                                        : KHAP_CERT_TYPE_OTHER;
    if (key != NULL && EVP_PKEY_security_bits(key) > 0 && EVP_PKEY_security_bits(key) < SECURITY_BITS)
        r->out->weak = KHAP_CERT_WEAK_KEY;
    else if (!signs(r->leaf, r->leaf) && X509_get_signature_info(r->leaf, NULL, NULL, &bits, NULL) == 1 &&
             bits > 0 && bits < SECURITY_BITS)
        r->out->weak = KHAP_CERT_WEAK_SIGNATURE;
}

/* When the first and the last of all certificates expire, whose dates can be read. */
static void ends(const struct reading *r)
{
    bool seen = false;
    for (int i = 0; i < sk_X509_num(r->all); i++) {
        int64_t end;
        enum khap_status status = seconds(X509_get0_notAfter(sk_X509_value(r->all, i)), &end);
        if (status != KHAP_OK)
            continue;
        if (!seen || end < r->out->first_end)
            r->out->first_end = end;
        if (!seen || end > r->out->last_end)
            r->out->last_end = end;
        seen = true;
    }
}

static enum khap_status fill(struct reading *r, struct khap_str pem, struct khap_str key)
{
    /* The key's own file comes first: HAProxy takes that one. */
    enum khap_status status = key.len > 0 ? read_blocks(r, key, false) : KHAP_OK;
    if (status == KHAP_OK)
        status = read_blocks(r, pem, true);
    if (status != KHAP_OK)
        return status;
    r->out->key = judge_key(r);
    r->out->chain = judge_chain(r);
    if (r->leaf == NULL)
        return KHAP_OK;
    status = seconds(X509_get0_notBefore(r->leaf), &r->out->not_before);
    if (status == KHAP_OK)
        status = seconds(X509_get0_notAfter(r->leaf), &r->out->not_after);
    ends(r);
    judge_strength(r);
    return status == KHAP_OK ? names(r) : status;
}

static enum khap_status read_pem(void *ctx, struct khap_str pem, struct khap_str key,
                                 struct khap_cert_info *out)
{
    (void)ctx;
    if (out == NULL || out->size < sizeof *out || (pem.ptr == NULL && pem.len > 0) ||
        (key.ptr == NULL && key.len > 0))
        return KHAP_EINVAL;
    *out = (struct khap_cert_info){.size = out->size, .ctx = out->ctx, .name = out->name};
    struct reading r = {.out = out};
    ERR_set_mark();
    enum khap_status status = fill(&r, pem, key);
    sk_X509_pop_free(r.all, X509_free);
    EVP_PKEY_free(r.key);
    ERR_pop_to_mark();
    return status;
}

struct khap_cert_reader cert_reader(void)
{
    return (struct khap_cert_reader){.size = sizeof(struct khap_cert_reader), .read = read_pem};
}

/*
 * khap/cert.h - how the library is told about certificates
 *
 * libkhap holds no TLS. A program that has some gives a reader like this one; khapgen's stands on OpenSSL.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_CERT_H
#define KHAP_CERT_H

#include <khap/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a name of a certificate is. */
enum khap_cert_name_kind {
    KHAP_CERT_DNS = 1, /**< a host name, perhaps a wildcard such as "*.example.com" */
    KHAP_CERT_IP = 2   /**< an IP address as text: "192.0.2.1", "2001:db8::1" */
};

/** How a private key stands to the certificate. */
enum khap_cert_key {
    KHAP_CERT_KEY_NONE = 0,    /**< there is no private key */
    KHAP_CERT_KEY_MATCHES = 1, /**< it is the certificate's */
    KHAP_CERT_KEY_DIFFERS = 2, /**< it belongs to another certificate */
    /** it cannot be told: no certificate, or the key is encrypted or unreadable */
    KHAP_CERT_KEY_UNKNOWN = 3
};

/** How the certificates of a text stand to each other, the leaf being the first. */
enum khap_cert_chain {
    KHAP_CERT_CHAIN_GOOD = 0, /**< each is signed by the one behind it, or there is a single one, by itself */
    KHAP_CERT_CHAIN_ALONE = 1,  /**< there is a single one, signed by another */
    KHAP_CERT_CHAIN_ORDER = 2,  /**< they are one chain, and stand in another order */
    KHAP_CERT_CHAIN_BROKEN = 3, /**< one of them is no part of the leaf's chain */
    KHAP_CERT_CHAIN_UNKNOWN = 4 /**< there is none, or there are more than a chain has */
};

/** Which keys may stand beside each other for one name: HAProxy shows a client the one that it can use. */
enum khap_cert_key_type {
    KHAP_CERT_TYPE_OTHER = 0,
    KHAP_CERT_TYPE_RSA = 1,
    KHAP_CERT_TYPE_EC = 2,
    KHAP_CERT_TYPE_DSA = 3
};

/** What is weak about a leaf: clients refuse what gives less than 112 bits of security. */
enum khap_cert_weakness {
    KHAP_CERT_WEAK_NO = 0,
    KHAP_CERT_WEAK_KEY = 1,      /**< its key is too short */
    KHAP_CERT_WEAK_SIGNATURE = 2 /**< another signed it, and with a hash such as SHA-1 */
};

/** What a PEM text says. `size`, `ctx` and `name` are set by who asks, the rest by the reader. */
struct khap_cert_info {
    size_t size; /**< sizeof(struct khap_cert_info) as the caller knows it */
    void *ctx;   /**< first argument of `name` */
    /**
     * Called for each name of the leaf (the first) certificate: the DNS names and IP addresses among its alternative names in their order; the
     * common name when it has no alternative names at all. `kind` is one of enum khap_cert_name_kind; the text is borrowed for the call.
     * Anything else than KHAP_OK ends the reading with that status. May be NULL.
     */
    enum khap_status (*name)(void *ctx, uint32_t kind, struct khap_str text);
    uint32_t certs; /**< how many certificates the text holds */
    uint32_t keys;  /**< how many private keys text and key text hold together */
    /** enum khap_cert_key: the first private key (of the key text, when there is one), and the leaf */
    uint32_t key;
    uint32_t crls;      /**< how many lists of revoked certificates the text holds */
    int64_t not_before; /**< the leaf's validity, seconds since 1970; 0 without a certificate */
    int64_t not_after;  /**< the last second of it; 0 without a certificate */
    uint32_t dh_params; /**< how many parameters for Diffie-Hellman the text holds */
    uint32_t alt_names; /**< how many alternative names of any kind the leaf has; 0: only a common name */
    uint32_t chain;     /**< enum khap_cert_chain */
    uint32_t key_type;  /**< enum khap_cert_key_type, of the leaf */
    uint32_t weak;      /**< enum khap_cert_weakness */
    uint32_t unused;    /**< 0 */
    int64_t first_end;  /**< when the first of all certificates of the text expires; 0 without one */
    int64_t last_end;   /**< when the last of them does */
};

/** A reader of certificates. */
struct khap_cert_reader {
    size_t size; /**< sizeof(struct khap_cert_reader) as the caller knows it */
    void *ctx;   /**< first argument of `read` */
    /**
     * Reads a PEM text. Text between the blocks is passed over. A text without a certificate is no error: `out->certs` is 0.
     *
     * @param ctx  the reader's
     * @param pem  the certificates, leaf first, and perhaps the private key
     * @param key  the private key's own PEM text; empty when it stands in `pem`
     * @param out  [in,out] `size`, `ctx`, `name` set by the caller; the rest is filled
     * @return KHAP_OK, KHAP_EINPUT when a block that calls itself a certificate is none, KHAP_ENOMEM, KHAP_EINVAL, or what `name` returned
     */
    enum khap_status (*read)(void *ctx, struct khap_str pem, struct khap_str key, struct khap_cert_info *out);
};

#ifdef __cplusplus
}
#endif
#endif

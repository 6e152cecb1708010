/* cert/digest.c - digests of any name that libcrypto knows. SPDX-License-Identifier: MIT */
#include "config.h"

#include "cert.h"

#include <openssl/evp.h>
#include <string.h>

enum khap_status cert_digest(void *ctx, struct khap_str name, struct khap_str text, unsigned char out[64],
                             uint32_t *len, uint32_t *block)
{
    char word[32];
    unsigned n = 0;
    (void)ctx;
    if (name.len == 0 || name.len >= sizeof word || memchr(name.ptr, '\0', name.len) != NULL)
        return KHAP_ENOENT;
    memcpy(word, name.ptr, name.len);
    word[name.len] = '\0';
    const EVP_MD *md = EVP_get_digestbyname(word);
    if (md == NULL || EVP_MD_size(md) > 64)
        return KHAP_ENOENT;
    if (EVP_Digest(text.len > 0 ? text.ptr : "", text.len, out, &n, md, NULL) != 1)
        return KHAP_EIO;
    *len = n;
    *block = (uint32_t)EVP_MD_block_size(md);
    return KHAP_OK;
}

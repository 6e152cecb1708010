/* route/hash.c - hashes of more than 32 bits of state: xxHash, and those of libcrypto through the caller. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/evaluated.h"

static struct khap_str argument(const struct call *call, uint32_t i)
{
    return i < call->n ? call->arguments[i] : S("");
}

/* ---- xxHash, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */

static const uint32_t p32[5] = {0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1};
static const uint64_t p64[5] = {0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
                                0x85ebca77c2b2ae63, 0x27d4eb2f165667c5};

static uint32_t rotated32(uint32_t n, unsigned by)
{
    return n << by | n >> (32 - by);
}

static uint64_t rotated64(uint64_t n, unsigned by)
{
    return n << by | n >> (64 - by);
}

static uint32_t read32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t read64(const unsigned char *p)
{
    return read32(p) | (uint64_t)read32(p + 4) << 32;
}

static uint64_t swapped(uint64_t n)
{
    uint64_t out = 0;
    for (int i = 0; i < 8; i++)
        out = out << 8 | (n >> 8 * i & 0xff);
    return out;
}

static uint32_t xxh32(const unsigned char *p, size_t len, uint32_t seed)
{
    const unsigned char *end = p + len;
    uint32_t n = seed + p32[4];
    if (len >= 16) {
        uint32_t v[4] = {seed + p32[0] + p32[1], seed + p32[1], seed, seed - p32[0]};
        for (; end - p >= 16; p += 16) {
            for (int i = 0; i < 4; i++)
                v[i] = rotated32(v[i] + read32(p + 4 * i) * p32[1], 13) * p32[0];
        }
        n = rotated32(v[0], 1) + rotated32(v[1], 7) + rotated32(v[2], 12) + rotated32(v[3], 18);
    }
    n += (uint32_t)len;
    for (; end - p >= 4; p += 4)
        n = rotated32(n + read32(p) * p32[2], 17) * p32[3];
    for (; p < end; p++)
        n = rotated32(n + *p * p32[4], 11) * p32[0];
    n = (n ^ n >> 15) * p32[1];
    n = (n ^ n >> 13) * p32[2];
    return n ^ n >> 16;
}

static uint64_t round64(uint64_t n, uint64_t input)
{
    return rotated64(n + input * p64[1], 31) * p64[0];
}

static uint64_t avalanche64(uint64_t n)
{
    n = (n ^ n >> 33) * p64[1];
    n = (n ^ n >> 29) * p64[2];
    return n ^ n >> 32;
}

static uint64_t xxh64(const unsigned char *p, size_t len, uint64_t seed)
{
    const unsigned char *end = p + len;
    uint64_t n = seed + p64[4];
    if (len >= 32) {
        uint64_t v[4] = {seed + p64[0] + p64[1], seed + p64[1], seed, seed - p64[0]};
        for (; end - p >= 32; p += 32) {
            for (int i = 0; i < 4; i++)
                v[i] = round64(v[i], read64(p + 8 * i));
        }
        n = rotated64(v[0], 1) + rotated64(v[1], 7) + rotated64(v[2], 12) + rotated64(v[3], 18);
        for (int i = 0; i < 4; i++)
            n = (n ^ round64(0, v[i])) * p64[0] + p64[3];
    }
    n += len;
    for (; end - p >= 8; p += 8)
        n = rotated64(n ^ round64(0, read64(p)), 27) * p64[0] + p64[3];
    for (; end - p >= 4; p += 4)
        n = rotated64(n ^ read32(p) * p64[0], 23) * p64[1] + p64[2];
    for (; p < end; p++)
        n = rotated64(n ^ *p * p64[4], 11) * p64[0];
    return avalanche64(n);
}

enum { SECRET = 192, STRIPE = 64, STRIPES = (SECRET - STRIPE) / 8 /* of a block */ };
static const unsigned char secret[SECRET] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e};

/* The two halves of a product of 128 bits, one upon the other. */
static uint64_t folded(uint64_t a, uint64_t b)
{
    uint64_t al = a & UINT32_MAX, ah = a >> 32, bl = b & UINT32_MAX, bh = b >> 32;
    uint64_t low = al * bl, cross = (low >> 32) + ah * bl, other = (cross & UINT32_MAX) + al * bh;
    return (ah * bh + (cross >> 32) + (other >> 32)) ^ (other << 32 | (low & UINT32_MAX));
}

static uint64_t avalanche3(uint64_t n)
{
    n = (n ^ n >> 37) * UINT64_C(0x165667919e3779f9);
    return n ^ n >> 32;
}

static uint64_t mixed16(const unsigned char *p, const unsigned char *key, uint64_t seed)
{
    return folded(read64(p) ^ (read64(key) + seed), read64(p + 8) ^ (read64(key + 8) - seed));
}

static uint64_t xxh3_short(const unsigned char *p, size_t len, uint64_t seed)
{
    if (len > 8) {
        uint64_t low = read64(p) ^ ((read64(secret + 24) ^ read64(secret + 32)) + seed);
        uint64_t high = read64(p + len - 8) ^ ((read64(secret + 40) ^ read64(secret + 48)) - seed);
        return avalanche3(len + swapped(low) + high + folded(low, high));
    }
    if (len >= 4) {
        uint64_t key = (read64(secret + 8) ^ read64(secret + 16)) - (seed ^ swapped((uint32_t)seed));
        uint64_t n = (read32(p + len - 4) + ((uint64_t)read32(p) << 32)) ^ key;
        n ^= rotated64(n, 49) ^ rotated64(n, 24);
        n *= UINT64_C(0x9fb21c651e98df25);
        n ^= (n >> 35) + len;
        n *= UINT64_C(0x9fb21c651e98df25);
        return n ^ n >> 28;
    }
    if (len > 0) {
        uint32_t all = (uint32_t)p[0] << 16 | (uint32_t)p[len >> 1] << 24 | p[len - 1] | (uint32_t)len << 8;
        return avalanche64(all ^ ((read32(secret) ^ read32(secret + 4)) + seed));
    }
    return avalanche64(seed ^ read64(secret + 56) ^ read64(secret + 64));
}

static uint64_t xxh3_middle(const unsigned char *p, size_t len, uint64_t seed)
{
    uint64_t n = len * p64[0];
    if (len <= 128) {
        for (size_t i = (len - 1) / 32 + 1; i-- > 0;) {
            n += mixed16(p + 16 * i, secret + 32 * i, seed);
            n += mixed16(p + len - 16 * (i + 1), secret + 32 * i + 16, seed);
        }
        return avalanche3(n);
    }
    for (size_t i = 0; i < 8; i++)
        n += mixed16(p + 16 * i, secret + 16 * i, seed);
    n = avalanche3(n);
    for (size_t i = 8; i < len / 16; i++)
        n += mixed16(p + 16 * i, secret + 16 * (i - 8) + 3, seed);
    return avalanche3(n + mixed16(p + len - 16, secret + 136 - 17, seed));
}

static void add_stripe(uint64_t acc[8], const unsigned char *p, const unsigned char *key)
{
    for (int i = 0; i < 8; i++) {
        uint64_t value = read64(p + 8 * i), n = value ^ read64(key + 8 * i);
        acc[i ^ 1] += value;
        acc[i] += (n & UINT32_MAX) * (n >> 32);
    }
}

static uint64_t xxh3_long(const unsigned char *p, size_t len, uint64_t seed)
{
    uint64_t acc[8] = {p32[2], p64[0], p64[1], p64[2], p64[3], p32[1], p64[4], p32[0]};
    unsigned char key[SECRET];
    for (size_t i = 0; i < SECRET; i += 8) {
        uint64_t n = i % 16 == 0 ? read64(secret + i) + seed : read64(secret + i) - seed;
        for (size_t k = 0; k < 8; k++)
            key[i + k] = (unsigned char)(n >> 8 * k & 0xff);
    }
    size_t stripes = (len - 1) / STRIPE, at = 0;
    for (; at < stripes; at++) {
        add_stripe(acc, p + STRIPE * at, key + 8 * (at % STRIPES));
        if (at % STRIPES != STRIPES - 1 ||
            (at + 1) * STRIPE > (len - 1) / (STRIPE * STRIPES) * STRIPE * STRIPES)
            continue;
        for (int i = 0; i < 8; i++)
            acc[i] = (acc[i] ^ acc[i] >> 47 ^ read64(key + SECRET - STRIPE + 8 * i)) * p32[0];
    }
    add_stripe(acc, p + len - STRIPE, key + SECRET - STRIPE - 7);
    uint64_t n = len * p64[0];
    for (int i = 0; i < 4; i++)
        n += folded(acc[2 * i] ^ read64(key + 11 + 16 * i), acc[2 * i + 1] ^ read64(key + 19 + 16 * i));
    return avalanche3(n);
}

static uint64_t xxh3(const unsigned char *p, size_t len, uint64_t seed)
{
    return len <= 16    ? xxh3_short(p, len, seed)
           : len <= 240 ? xxh3_middle(p, len, seed)
                        : xxh3_long(p, len, seed);
}

static uint64_t seed_of(const struct call *call)
{
    struct sample text;
    int64_t n = 0;
    khap__sample_text(&text, SAMPLE_STR, argument(call, 0));
    (void)khap__routing_to_number(&text, &n);
    return (uint64_t)n;
}

static const unsigned char *bytes_of(const struct sample *s)
{
    return (const unsigned char *)(s->text.len > 0 ? s->text.ptr : "");
}

static void set_number(struct sample *s, uint64_t n)
{
    khap__sample_number(s, SAMPLE_SINT, n > INT64_MAX ? -(int64_t)(UINT64_MAX - n) - 1 : (int64_t)n);
}

CONVERTER(convert_xxh32)
{
    set_number(s, xxh32(bytes_of(s), s->text.len, (uint32_t)seed_of(call)));
}

CONVERTER(convert_xxh64)
{
    set_number(s, xxh64(bytes_of(s), s->text.len, seed_of(call)));
}

CONVERTER(convert_xxh3)
{
    set_number(s, xxh3(bytes_of(s), s->text.len, seed_of(call)));
}

/* ---- libcrypto's */

enum { LONGEST_DIGEST = 64, BLOCK = 144 /* of any digest */ };

/* False: it cannot be told, and is unknown. */
static bool digest(struct asking *a, const struct call *call, struct khap_str name, struct khap_str text,
                   char out[LONGEST_DIGEST], size_t *len, size_t *block, struct sample *s)
{
    uint32_t n = 0, in_block = 0;
    enum khap_status status = KHAP_ENOENT;
    if (a->route->digest != NULL)
        status = a->route->digest(a->route->digest_ctx, name, text, (unsigned char *)out, &n, &in_block);
    if (status == KHAP_ENOMEM)
        a->no_memory = true;
    if (status != KHAP_OK || n > LONGEST_DIGEST || in_block > BLOCK) {
        khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
        return false;
    }
    *len = n;
    *block = in_block;
    return true;
}

static void set_digest(struct asking *a, const struct call *call, struct sample *s, struct khap_str name)
{
    char out[LONGEST_DIGEST];
    size_t n, block;
    if (digest(a, call, name, s->text, out, &n, &block, s))
        khap__sample_text(s, SAMPLE_BIN, khap__routing_keep(a, (struct khap_str){out, n}));
}

CONVERTER(convert_sha1)
{
    set_digest(a, call, s, S("sha1"));
}

CONVERTER(convert_sha2)
{
    static const struct khap_str bits[] = {{"224", 3}, {"256", 3}, {"384", 3}, {"512", 3}};
    static const struct khap_str known[] = {{"sha224", 6}, {"sha256", 6}, {"sha384", 6}, {"sha512", 6}};
    for (size_t i = 0; i < 4; i++) {
        if (khap__str_eq(argument(call, 0).len > 0 ? argument(call, 0) : S("256"), bits[i])) {
            set_digest(a, call, s, known[i]);
            return;
        }
    }
    khap__sample_unknown(s, khap__routing_because(a, call->text, call->place));
}

CONVERTER(convert_digest)
{
    set_digest(a, call, s, argument(call, 0));
}

/* The inner or the outer half. */
static bool half(struct asking *a, const struct call *call, struct khap_str key, char pad, size_t block,
                 struct khap_str text, char out[LONGEST_DIGEST], size_t *n, struct sample *s)
{
    struct buf b;
    size_t ignored;
    khap__buf_init(&b, &a->route->alloc);
    for (size_t i = 0; i < block; i++)
        khap__buf_char(&b, (char)(pad ^ (i < key.len ? key.ptr[i] : '\0')));
    khap__buf_add(&b, text);
    a->no_memory = a->no_memory || b.failed;
    bool good = digest(a, call, argument(call, 0), khap__buf_str(&b), out, n, &ignored, s);
    khap__buf_free(&b);
    return good;
}

/* RFC 2104. The key is in base64, or a variable holds it so. */
CONVERTER(convert_hmac)
{
    struct khap_str word = argument(call, 1), text = s->text;
    struct sample key = {.state = SAMPLE_ABSENT};
    char short_key[LONGEST_DIGEST], inner[LONGEST_DIGEST], outer[LONGEST_DIGEST];
    size_t n, block;
    struct buf b;
    if (khap__str_find(word, '.') < word.len)
        khap__routing_variable(a, word, call->place, &key);
    else
        khap__sample_text(&key, SAMPLE_STR, word);
    if (key.state != SAMPLE_KNOWN) {
        *s = key;
        return;
    }
    khap__buf_init(&b, &a->route->alloc);
    bool good = khap__routing_add_base64(&b, key.text, false);
    a->no_memory = a->no_memory || b.failed;
    struct khap_str bytes = khap__routing_keep(a, khap__buf_str(&b));
    khap__buf_free(&b);
    if (!good) {
        s->state = SAMPLE_ABSENT;
        return;
    }
    if (!digest(a, call, argument(call, 0), bytes, short_key, &n, &block, s))
        return;
    if (bytes.len > block)
        bytes = (struct khap_str){short_key, n};
    if (half(a, call, bytes, 0x36, block, text, inner, &n, s) &&
        half(a, call, bytes, 0x5c, block, (struct khap_str){inner, n}, outer, &n, s))
        khap__sample_text(s, SAMPLE_BIN, khap__routing_keep(a, (struct khap_str){outer, n}));
}

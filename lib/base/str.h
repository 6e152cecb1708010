/* base/str.h - slices of bytes: comparing, searching, byte classes without a locale.
 * SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <khap/status.h>
#include <stdbool.h>
#include <string.h>

/* A slice of a string literal. */
#define S(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})
/* For printf-like debugging and tests: "%.*s". */
#define S_ARG(s) (int)(s).len, (s).ptr

static inline struct khap_str khap__str(const char *nul_terminated)
{
    return (struct khap_str){nul_terminated, nul_terminated == NULL ? 0 : strlen(nul_terminated)};
}
static inline bool khap__str_eq(struct khap_str a, struct khap_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
int khap__str_cmp(struct khap_str a, struct khap_str b);        /* bytewise; a prefix comes first */
bool khap__str_eq_nocase(struct khap_str a, struct khap_str b); /* ASCII only */
static inline bool khap__str_starts(struct khap_str s, struct khap_str prefix)
{
    return s.len >= prefix.len && khap__str_eq((struct khap_str){s.ptr, prefix.len}, prefix);
}
static inline size_t khap__str_find(struct khap_str s, char c) /* s.len when it is not there */
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, (unsigned char)c, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}
static inline struct khap_str khap__str_sub(struct khap_str s, size_t from, size_t len) /* clamped */
{
    if (from >= s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct khap_str){s.ptr == NULL ? NULL : s.ptr + from, len};
}
static inline bool khap__str_ends(struct khap_str s, struct khap_str suffix)
{
    return s.len >= suffix.len && khap__str_eq(khap__str_sub(s, s.len - suffix.len, suffix.len), suffix);
}
struct khap_str khap__str_trim(struct khap_str s); /* blanks and tabs at both ends */
uint32_t khap__edit_distance(struct khap_str a, struct khap_str b,
                             uint32_t limit); /* > limit when farther; both cut at 64 bytes */

struct khap_str khap__str_uint(char room[20], uint64_t n); /* decimal, in the caller's room */

uint64_t khap__fnv1a64(struct khap_str s, uint64_t seed); /* seed KHAP__FNV64 at the start */
#define KHAP__FNV64 UINT64_C(14695981039346656037)
uint32_t khap__fnv1a32(struct khap_str s, uint32_t seed);
#define KHAP__FNV32 UINT32_C(2166136261)

bool khap__utf8_valid(struct khap_str s, size_t *bad_at); /* *bad_at: first bad byte; NULL allowed */

static inline bool khap__is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}
static inline bool khap__is_alpha(unsigned char c)
{
    return (c | 32u) >= 'a' && (c | 32u) <= 'z';
}
static inline bool khap__is_alnum(unsigned char c)
{
    return khap__is_digit(c) || khap__is_alpha(c);
}
static inline unsigned char khap__lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 32u) : c;
}
static inline int khap__hex(unsigned char c) /* -1 when it is no hex digit */
{
    return khap__is_digit(c)                      ? c - '0'
           : (c | 32u) >= 'a' && (c | 32u) <= 'f' ? (int)(c | 32u) - 'a' + 10
                                                  : -1;
}

#endif

/*
 * Lexer and encoder for scripts, a request a line on standard input:
 *     L RELEASE HEX      -> "ok COMMENT words|scope OFFSET:LENGTH:FLAGS:HEX…" or "ERROR OFFSET"
 *     W RELEASE HEX NAME=HEX…  -> the same with these environment variables, and no others
 *     E FIRST LAST HEX   -> "ok HEX" or the reason of the refusal
 *     V 0 HEX            -> what `haproxy -vv' says: "FIRST LAST quic N prometheus N pcre N openssl N"
 * Releases are numbers, 206 for 2.6; "-" is no bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "cfg/lex.h"

static const char *const lex_errors[] = {"ok",       "quote", "hex",      "varname", "brace",
                                         "too-many", "nul",   "too-long", "scope",   "empty-word"};
static const char *const encode_errors[] = {"ok", "empty", "nul", "too-long-15"};

static void print_hex(struct khap_str s)
{
    for (size_t i = 0; i < s.len; i++)
        printf("%02x", (unsigned)(unsigned char)s.ptr[i]);
}

/* In place, into memory of exactly that size, so that a sanitizer sees every byte too many. */
static struct khap_str from_hex(const char *hex)
{
    size_t n = strspn(hex, "0123456789abcdef") / 2;
    char *p = malloc(n);
    if (p == NULL && n > 0)
        exit(2);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(unsigned char)(khap__hex((unsigned char)hex[2 * i]) * 16 +
                                     khap__hex((unsigned char)hex[2 * i + 1]));
    return (struct khap_str){p, n};
}

/* What stands behind the line in a request W. */
struct variables {
    struct arena arena;
    const char *text;
};

static enum khap_status find(void *ctx, struct khap_str name, struct khap_str *value)
{
    struct variables *v = ctx;
    for (const char *p = strchr(v->text, ' '); p != NULL; p = strchr(p, ' ')) {
        p++;
        struct khap_str one = {p, strcspn(p, " \n")};
        if (one.len <= name.len || one.ptr[name.len] != '=' || !khap__str_starts(one, name))
            continue;
        struct khap_str bytes = from_hex(one.ptr + name.len + 1);
        enum khap_status status = khap__arena_dup(&v->arena, bytes, value);
        free((char *)(uintptr_t)bytes.ptr);
        return status;
    }
    return KHAP_ENOENT;
}

/* `variables` is what stands behind the line, or NULL to leave variables alone. */
static void lex(struct arena *arena, uint16_t release, struct khap_str line, const char *variables)
{
    struct lex_line out;
    struct variables v = {.text = variables};
    const struct lex_environment environment = {find, &v};
    khap__arena_init(&v.arena, NULL);
    enum khap_status status =
        khap__lex_line_with(arena, release, line, variables != NULL ? &environment : NULL, &out);
    khap__arena_free(&v.arena);
    if (status != KHAP_OK) {
        printf("failed\n");
        return;
    }
    if (out.error_offset + (uint64_t)out.error_len > line.len || out.comment > line.len) {
        printf("outside\n");
        return;
    }
    if (out.error != LEX_OK) {
        printf("%s %u\n", lex_errors[out.error], out.error_offset);
        return;
    }
    printf("ok %u %s", out.comment, out.scope ? "scope" : "words");
    for (uint32_t i = 0; i < out.n; i++) {
        const struct lex_word *w = &out.words[i];
        printf(" %u:%u:%s%s%s%s:", w->offset, w->len, w->variable ? "v" : "", w->many ? "m" : "",
               w->joins ? "j" : "", w->variable || w->many || w->joins ? "" : "-");
        print_hex(w->value);
    }
    printf("\n");
}

static void encode(uint16_t first, uint16_t last, struct khap_str word)
{
    struct buf out;
    khap__buf_init(&out, NULL);
    enum encode_error error = khap__encode_word(&out, first, last, word);
    printf("%s ", encode_errors[error]);
    print_hex(khap__buf_str(&out));
    printf("\n");
    khap__buf_free(&out);
}

static void from_vv(struct khap_str output)
{
    struct khap_target t;
    khap_target_init(&t);
    if (khap_target_from_vv(output, &t, NULL) != KHAP_OK)
        printf("refused\n");
    else
        printf("%u %u quic %u prometheus %u pcre %u openssl %u\n", t.first, t.last, t.quic, t.prometheus,
               t.pcre, t.openssl);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    struct arena arena;
    khap__arena_init(&arena, NULL);
    while (getline(&line, &size, stdin) > 0) {
        char *at = line + 1;
        uint16_t first = (uint16_t)strtoul(at, &at, 10);
        uint16_t last = line[0] == 'E' ? (uint16_t)strtoul(at, &at, 10) : first;
        struct khap_str bytes = from_hex(at + 1);
        if (line[0] == 'V')
            from_vv(bytes);
        else if (line[0] == 'E')
            encode(first, last, bytes);
        else
            lex(&arena, first, bytes, line[0] == 'W' ? at + 1 : NULL);
        free((char *)(uintptr_t)bytes.ptr);
        khap__arena_free(&arena);
    }
    free(line);
    return 0;
}

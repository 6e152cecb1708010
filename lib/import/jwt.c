/* import/jwt.c - khapgen's rules about tokens, as keys. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

/* What stands behind `{ FETCH -m str`, at word `at`. */
static bool text_of(const struct import_line *line, uint32_t at, const char *fetch, struct khap_str *text)
{
    if (!word_is(line, at, "{") || !word_is(line, at + 1, fetch) || !word_is(line, at + 2, "-m") ||
        !word_is(line, at + 3, "str"))
        return false;
    at += word_is(line, at + 4, "--") ? 5 : 4;
    *text = word_at(line, at);
    return word_is(line, at + 1, "}");
}

/* "FILE", with \ before quotes and itself; relative names begin with "./". */
static struct khap_str key_file(struct import *im, struct khap_str word)
{
    char *copy = khap__arena_bytes(&im->arena, word.len + 1);
    size_t n = 0;
    if (copy == NULL) {
        khap__import_fail(im, KHAP_ENOMEM);
        return (struct khap_str){"", 0};
    }
    for (size_t i = 1; i + 1 < word.len; i++) {
        if (word.ptr[i] == '\\' && i + 2 < word.len)
            i++;
        copy[n++] = word.ptr[i];
    }
    struct khap_str text = {copy, n};
    return khap__str_starts(text, S("./")) ? khap__str_sub(text, 2, n) : text;
}

/* The rule that looks at all of a token: its algorithm, the key, and whose it has to be. */
static bool take_verify(struct import *im, const struct import_service *service,
                        const struct import_line *line, struct khap_str call)
{
    size_t comma = khap__str_find(call, ',');
    struct khap_str algorithm = khap__str_sub(call, 0, comma),
                    file = khap__str_sub(call, comma + 1, call.len), issuer;
    file.len -= file.len > 0; /* the parenthesis */
    if (file.len < 2 || file.ptr[0] != '"' || file.ptr[file.len - 1] != '"')
        return false; /* a secret: which file it came from is not known */
    file = key_file(im, file);
    bool good =
        im->failure == KHAP_OK &&
        khap__import_set_text(im, line->place, "services", service->name, "jwt.algorithm", algorithm) &&
        khap__import_set_text(im, line->place, "services", service->name, "jwt.key", file);
    for (uint32_t i = 0; good && i < line->n; i++) {
        if (text_of(line, i, "var(txn.jwt),jwt_payload_query($.iss)", &issuer))
            good = khap__import_set_text(im, line->place, "services", service->name, "jwt.issuer", issuer);
    }
    return good;
}

/* http-request set-header NAME %[var(txn.jwt),jwt_payload_query($.PATH)] if … */
static bool take_claim(struct import *im, const struct import_service *service,
                       const struct import_line *line)
{
    struct khap_str begin = S("%[var(txn.jwt),jwt_payload_query($."), path = word_at(line, 3),
                    name = word_at(line, 2);
    if (!khap__str_starts(path, begin) || !khap__str_ends(path, S(")]")) ||
        khap__str_find(name, '"') < name.len)
        return false;
    struct khap_str key = khap__import_join(im, S("jwt.claims.\""), name, S("\""));
    key = khap__import_join(im, key, (struct khap_str){"", 1}, S(""));
    return im->failure == KHAP_OK &&
           khap__import_set_text(im, line->place, "services", service->name, key.ptr,
                                 khap__str_sub(path, begin.len, path.len - begin.len - 2));
}

static bool speaks_of_tokens(const struct import_line *line)
{
    static const char *const begins[] = {"set-var(txn.jwt", "unset-var(txn.jwt", "var(txn.jwt",
                                         "%[var(txn.jwt"};
    for (uint32_t i = 1; i < line->n; i++) {
        for (size_t k = 0; k < sizeof begins / sizeof *begins; k++) {
            if (khap__str_starts(line->words[i], khap__str(begins[k])))
                return true;
        }
    }
    return false;
}

bool khap__import_jwt(struct import *im, const struct import_service *service, struct import_line *line)
{
    struct khap_str verify = S("var(txn.jwt),jwt_verify("), text;
    if (!im->ours || !word_is(line, 0, "http-request") || !speaks_of_tokens(line))
        return false;
    bool good = true;
    for (uint32_t i = 1; i < line->n && good; i++) {
        if (khap__str_starts(line->words[i], verify))
            good =
                take_verify(im, service, line, khap__str_sub(line->words[i], verify.len, line->words[i].len));
    }
    if (good && word_is(line, 1, "set-header"))
        good = take_claim(im, service, line);
    /* the first rule of each audience */
    if (good && word_is(line, 1, "set-var(txn.jwt_audience)") && word_is(line, 4, "!{") &&
        text_of(line, 9, "var(txn.jwt),jwt_payload_query($.aud)", &text))
        good = khap__import_set_text(im, line->place, "services", service->name, "jwt.audience.+", text);
    line->state = LINE_CLAIMED;
    return good;
}

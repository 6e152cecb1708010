/* check/message.c - error files: a whole HTTP response, as HAProxy's parser of HTTP/1 takes it. SPDX-License-Identifier: MIT */
#include "config.h"

#include "check/content.h"

enum { HEADERS_MOST = 100 };

struct message {
    struct khap_str text;
    size_t at;
    struct khap_str version;
    uint32_t status, code_digits;
    uint32_t headers;
    size_t head; /* bytes of names and values */
    bool has_length, chunked;
    uint64_t length;
};

/* NUL at the end of the text, which is never what is looked for. */
static unsigned char peek(const struct message *m)
{
    return m->at < m->text.len ? (unsigned char)m->text.ptr[m->at] : 0;
}

static bool is_token(unsigned char c)
{
    return khap__is_alnum(c) || (c != 0 && memchr("!#$%&'*+-.^_`|~", c, 15) != NULL);
}

static bool is_version(unsigned char c)
{
    return khap__is_digit(c) || (c >= 'A' && c <= 'Z') || c == '/' || c == '.';
}

static void skip_blanks(struct message *m)
{
    while (peek(m) == ' ' || peek(m) == '\t')
        m->at++;
}

static bool end_of_line(struct message *m)
{
    if (peek(m) == '\r')
        m->at++;
    if (peek(m) != '\n')
        return false;
    m->at++;
    return true;
}

static bool is_end(unsigned char c)
{
    return c == '\r' || c == '\n';
}

static bool read_start(struct message *m)
{
    while (is_end(peek(m))) {
        if (!end_of_line(m))
            return false;
    }
    size_t from = m->at;
    while (is_version(peek(m)))
        m->at++;
    m->version = khap__str_sub(m->text, from, m->at - from);
    if (m->at == from || (peek(m) != ' ' && peek(m) != '\t'))
        return false;
    skip_blanks(m);
    for (; khap__is_digit(peek(m)); m->at++, m->code_digits++) {
        if (m->status < 100000)
            m->status = m->status * 10 + (uint32_t)(peek(m) - '0');
    }
    if (m->code_digits == 0 || (!is_end(peek(m)) && peek(m) != ' ' && peek(m) != '\t'))
        return false;
    while (m->at < m->text.len && !is_end(peek(m)))
        m->at++;
    return end_of_line(m);
}

/* A list of equal numbers. */
static bool read_length(struct message *m, struct khap_str value)
{
    for (size_t at = 0;; at++) {
        uint64_t number = 0;
        size_t digits = 0;
        while (at < value.len && (value.ptr[at] == ' ' || value.ptr[at] == '\t'))
            at++;
        for (; at < value.len && khap__is_digit((unsigned char)value.ptr[at]); at++, digits++) {
            if (number > UINT64_MAX / 10 - 9)
                return false;
            number = number * 10 + (uint64_t)(value.ptr[at] - '0');
        }
        while (at < value.len && (value.ptr[at] == ' ' || value.ptr[at] == '\t'))
            at++;
        if (digits == 0 || (at < value.len && value.ptr[at] != ',') || (m->has_length && number != m->length))
            return false;
        m->has_length = true;
        m->length = number;
        if (at >= value.len)
            return true;
    }
}

static void read_encodings(struct message *m, struct khap_str value)
{
    while (value.len > 0) {
        size_t n = khap__str_find(value, ',');
        struct khap_str one = khap__str_trim(khap__str_sub(value, 0, n));
        if (one.len > 0)
            m->chunked = khap__str_eq_nocase(one, S("chunked"));
        value = khap__str_sub(value, n + 1, value.len);
    }
}

/* One header; what is wrong lies at m->at. */
static bool read_header(struct message *m, uint16_t release)
{
    size_t name = m->at;
    while (is_token(peek(m)))
        m->at++;
    struct khap_str key = khap__str_sub(m->text, name, m->at - name);
    if (key.len == 0 || peek(m) != ':' || m->headers == HEADERS_MOST)
        return false;
    m->headers++;
    m->at++;
    size_t from = m->at, end;
    for (;;) { /* a line that begins with a blank goes on with it */
        while (m->at < m->text.len && !is_end(peek(m))) {
            if (m->text.ptr[m->at] == '\0' && release >= KHAP_RELEASE(3, 0))
                return false;
            m->at++;
        }
        end = m->at;
        if (!end_of_line(m))
            return false;
        if (peek(m) != ' ' && peek(m) != '\t')
            break;
    }
    struct khap_str value = khap__str_trim(khap__str_sub(m->text, from, end - from));
    m->head += key.len + value.len;
    bool good = true;
    if (khap__str_eq_nocase(key, S("content-length")))
        good = read_length(m, value);
    else if (khap__str_eq_nocase(key, S("transfer-encoding"))) {
        good = value.len > 0 || release < KHAP_RELEASE(3, 0);
        read_encodings(m, value);
    }
    if (!good)
        m->at = name;
    return good;
}

static bool read_headers(struct message *m, uint16_t release)
{
    while (m->at < m->text.len) {
        if (is_end(peek(m)))
            return end_of_line(m);
        if (!read_header(m, release))
            return false;
    }
    return false;
}

/* What is wrong with a message that can be read; empty: nothing. */
static struct khap_str judge(const struct message *m, size_t body, uint32_t size)
{
    if (m->version.len != 8)
        return S("no version of HTTP such as HTTP/1.0");
    if (m->status == 100 || (m->status > 101 && m->status < 200))
        return S("a status that no answer ends with");
    if (m->chunked)
        return S("a body in chunks");
    if ((m->status == 204 || m->status == 304) && body > 0)
        return S("a body behind a status that has none");
    /* the message as HAProxy keeps it: a little more than its bytes */
    if (size > 0 && body + m->head + UINT64_C(8) * (m->headers + 3) + 24 > size)
        return S("more than fits into a buffer (tune.bufsize)");
    return S("");
}

void khap__check_message_file(struct check *c, struct check_inside *in)
{
    struct message m = {.text = in->text};
    uint32_t size = khap__check_bufsize(c);
    if (in->text.len == 0)
        return;
    if (size > 0 && in->text.len > size) {
        SAY_INSIDE(c, in, MSG_FILE_BAD, size, 0, in->path, S("more than fits into a buffer (tune.bufsize)"));
        return;
    }
    if (!read_start(&m) || (m.code_digits > 3 && c->release >= KHAP_RELEASE(3, 2))) {
        SAY_INSIDE(c, in, MSG_FILE_BAD, m.at, 0, in->path, S("no line such as HTTP/1.0 503 Unavailable"));
        return;
    }
    if (!read_headers(&m, c->release)) {
        SAY_INSIDE(c, in, MSG_FILE_BAD, m.at, 0, in->path,
                   m.at >= in->text.len ? S("no empty line behind its headers") : S("what is no header"));
        return;
    }
    size_t body = in->text.len - m.at;
    struct khap_str problem = judge(&m, body, size);
    bool no_body = m.status == 204 || m.status == 304;
    if (problem.len > 0)
        SAY_INSIDE(c, in, MSG_FILE_BAD, 0, 0, in->path, problem);
    else if (m.has_length && !no_body && m.length != body && c->release < KHAP_RELEASE(2, 4))
        SAY_INSIDE(c, in, MSG_FILE_ODD, m.at, 0, in->path,
                   S("a body that is not as long as Content-Length says"));
    else if (m.has_length && !no_body && m.length != body)
        SAY_INSIDE(c, in, MSG_FILE_BAD, m.at, 0, in->path,
                   S("a body that is not as long as Content-Length says"));
}

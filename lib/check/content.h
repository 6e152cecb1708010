/* check/content.h - what stands in the files that a configuration names. SPDX-License-Identifier: MIT */
#ifndef CHECK_CONTENT_H
#define CHECK_CONTENT_H

#include "check/check.h"
#include "schema/files.h"

struct check_spot;
/* A file that is looked into. */
struct check_inside {
    struct khap_str path, text;
    const struct check_spot *spot; /* where it is named */
    uint32_t
        source; /* of its text, from the first problem on; 0 before, or when places in it are not wanted */
    bool asked;
    uint32_t told;
    const uint32_t *words; /* where each word of what is read as a line begins, and where the last one ends */
    size_t n;
};

/* Where a file is named: in the configuration, or in a file `in`. */
struct check_spot {
    struct khap_place place;
    struct check_inside *in;
    uint32_t offset, len;
};
struct khap_place khap__spot_place(struct check *c, const struct check_spot *spot);

/* The bytes there; in the configuration, the words that name the file, when nobody wants places in files. */
struct khap_place khap__inside_place(struct check *c, struct check_inside *in, size_t offset, size_t len);
/* After each diagnostic. */
void khap__inside_told(struct check *c, struct check_inside *in, struct khap_place place);
/* How much is told of one file. */
enum { INSIDE_MOST = 20 };

#define SAY_INSIDE(c, in, id, offset, len, ...)                                                              \
    do {                                                                                                     \
        struct khap_place said_place = khap__inside_place((c), (in), (offset), (len));                       \
        SAY((c)->diags, (id), said_place, __VA_ARGS__);                                                      \
        khap__inside_told((c), (in), said_place);                                                            \
    } while (0)

/* Lines as fgets() gives them with room for `room` bytes: a longer one comes in parts. */
struct inside_lines {
    struct khap_str text;
    size_t at, room;
    size_t from;          /* of the line */
    struct khap_str line; /* with its LF */
};
bool khap__inside_next(struct inside_lines *lines);
/* A line up to a NUL, without the LF. */
struct khap_str khap__inside_visible(struct khap_str line);

/* The size of HAProxy's buffers; 0 when the configuration does not tell for certain. */
uint32_t khap__check_bufsize(const struct check *c);

/* files.c: a file that must be good. Whether it, or one in it, was there and is read. */
bool khap__look(struct check *c, struct khap_str holds, struct khap_str path, const struct check_spot *spot);
/* The path as HAProxy would open it, below the directory of the kind. */
struct khap_str khap__look_path(struct check *c, struct khap_str holds, struct khap_str path);
bool khap__look_beside(struct check *c, struct khap_str path, struct khap_str suffix);
/* The files that a line names; in `c->inside` when it stands in one. */
void khap__look_arguments(struct check *c, const struct schema_line *line);

/* What is in it, by the reader of its row. */
void khap__check_content(struct check *c, const struct schema_file *row, struct check_inside *in);
void khap__check_cert_file(struct check *c, const struct schema_file *row, struct check_inside *in);
/* Whether a text has a certificate or a list of revoked ones, as far as somebody can tell. */
bool khap__has_certs(struct check *c, struct khap_str text);
/* Of a crt-store, or an entry of a crt-list with `key`: the key belongs to the certificate. Without a key's file it stands in the other. HAProxy takes another one
 * silently, and no key as long as nobody uses it. */
void khap__check_cert_pair(struct check *c, struct khap_str cert, struct khap_str key,
                           const struct check_spot *spot);
/* The certificate that was looked at last is shown for this name; told where it has it not, or another one before it is shown. */
void khap__check_shown(struct check *c, struct khap_str path, struct khap_str name,
                       const struct check_spot *spot);
/* A new line that names certificates begins. */
void khap__check_shown_begin(struct check *c);
void khap__check_message_file(struct check *c, struct check_inside *in);
void khap__check_crt_list_file(struct check *c, struct check_inside *in);

#endif

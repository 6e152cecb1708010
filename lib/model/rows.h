/* model/rows.h - the rows of keys.tsv as data: offsets into a string pool, no pointers.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_ROWS_H
#define MODEL_ROWS_H

#include "base/str.h"
#include "model/keys.h"

enum row_kind { ROW_SCALAR, ROW_OBJECT, ROW_MAP, ROW_LIST };

/* What a scalar, or each item of a list, must be. */
enum row_type {
    TYPE_NONE, /* objects, maps, lists of objects */
    TYPE_BOOL,
    TYPE_INT,
    TYPE_TIME,    /* a bare number is in milliseconds */
    TYPE_SECONDS, /* a bare number is in seconds */
    TYPE_TEXT,
    TYPE_ENUM,
    TYPE_TARGET,
    TYPE_FILE,
    TYPE_SOCKET, /* a path that HAProxy reads as an address */
    TYPE_OCTAL,
    TYPE_NAME,
    TYPE_LOGTARGET,
    TYPE_HOSTADDRESS,
    TYPE_HOST,
    TYPE_HOSTNAME,
    TYPE_BIND,
    TYPE_NETWORK,
    TYPE_ENDPOINT,
    TYPE_PATH,
    TYPE_URI, /* a path, perhaps with a query */
    TYPE_HEADERVALUE,
    TYPE_LOGFORMAT,
    TYPE_HEADERNAME,
    TYPE_BALANCE,
    TYPE_COOKIENAME,
    TYPE_STATUS,
    TYPE_LINES,
    TYPE_LIMITKEY, /* what tells the clients of a limit apart */
    TYPE_REALM,
    TYPE_ORIGIN, /* of a web page, or * */
    TYPE_MEDIATYPE
};

enum { APPLIES_HTTP = 1, APPLIES_TCP = 2, APPLIES_PASSTHROUGH = 4 };

struct key_row {
    uint16_t path, name, type_text, applies_text, default_text, example, text; /* in the pool */
    uint16_t parent;    /* enum key; KEY_ROOT at the top */
    uint16_t short_key; /* where a bare value goes, KEY_NONE: no short form */
    uint16_t flag_key;  /* the bool that its name alone, as a bare word, says; or KEY_NONE */
    uint16_t entry;     /* of a map or a list of objects: the row of its entries, else KEY_NONE */
    uint16_t first_member, n_members;
    uint32_t min, max; /* TYPE_INT; TYPE_TIME in milliseconds, TYPE_SECONDS in seconds */
    uint16_t first_word, n_words;
    uint16_t since;
    uint8_t kind; /* enum row_kind */
    uint8_t type; /* enum row_type */
    uint8_t applies;
    bool off; /* may be switched off by false */
    bool annotation;
};

/* The row of a key; KEY_ROOT is the map itself. */
const struct key_row *khap__key_row(enum key key);
/* A NUL-terminated text of the pool. */
const char *khap__key_pool(uint16_t at);
/* The full path, as "services.*.check.path". */
static inline struct khap_str khap__key_path(enum key key)
{
    return khap__str(khap__key_pool(khap__key_row(key)->path));
}
/* The last part of the path: "path". */
static inline struct khap_str khap__key_name(enum key key)
{
    return khap__str(khap__key_pool(khap__key_row(key)->name));
}
/* The member of an object by its name, KEY_NONE when there is none. */
enum key khap__key_member(enum key parent, struct khap_str name);
/* The index-th member, KEY_NONE past the end. */
enum key khap__key_member_at(enum key parent, size_t index);
/* The index-th word of an enum, NULL past the end. */
const char *khap__key_word(enum key key, size_t index);

#endif

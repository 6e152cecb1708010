/* kube/json.h - JSON in pieces: bytes as they come, told value by value, whatever their number and length. SPDX-License-Identifier: MIT */
#ifndef KUBE_JSON_H
#define KUBE_JSON_H

#include "kube/kube.h"

enum { JSON_DEPTH = 60 };

enum json_event {
    JSON_OBJECT,     /* { */
    JSON_OBJECT_END, /* } */
    JSON_ARRAY,      /* [ */
    JSON_ARRAY_END,  /* ] */
    JSON_KEY,        /* its text, decoded */
    JSON_STRING,     /* its text, decoded */
    JSON_OTHER       /* a number, true, false, null: as written */
};

/* Told of each value in turn; false: enough, khap__json_take() fails. `depth` is the number of objects and arrays around it. */
typedef bool json_told(void *ctx, enum json_event event, uint32_t depth, struct khap_str text);

struct json {
    json_told *told;
    void *ctx;
    struct text token;
    size_t longest; /* bytes of a string or number: longer ones are an error */
    bool passing;   /* set by the one who is told: strings need not be kept */
    uint8_t state, escape, depth;
    uint16_t code, high; /* of \uXXXX, and the first half of a pair */
    bool is_key, bad;
    uint64_t arrays; /* a bit for each depth */
};

void khap__json_init(struct json *j, const struct khap_alloc *alloc, size_t longest, json_told *told,
                     void *ctx);
void khap__json_free(struct json *j);
/* Forgets what has come, for other bytes. */
void khap__json_restart(struct json *j);
/* False: this is no JSON, or more of it than is allowed, or there was no memory (token.failed). Values may follow each other. */
bool khap__json_take(struct json *j, struct khap_str bytes);
/* Nothing is open: what came is a number of whole values. */
bool khap__json_between(const struct json *j);

/* A text between quotes, which JSON and YAML read alike; what is no UTF-8 in it becomes U+FFFD. */
void khap__json_add_quoted(struct text *t, struct khap_str value);

#endif

/* schema/files.h - what HAProxy says of the files that lines name: files.tsv. SPDX-License-Identifier: MIT */
#ifndef SCHEMA_FILES_H
#define SCHEMA_FILES_H

#include "base/str.h"

/* Of directories. FILE_FILES: their files are read; FILE_SOME: one of them must be good; FILE_ONLY: it must be one. */
enum schema_file_verdict { FILE_FINE, FILE_WARNING, FILE_ERROR, FILE_FILES, FILE_SOME, FILE_ONLY };
/* Which reader looks into it. */
enum schema_file_content {
    CONTENT_ANY,
    CONTENT_BODY,
    CONTENT_CA,
    CONTENT_CERT,
    CONTENT_CRL,
    CONTENT_CRT_LIST,
    CONTENT_DH,
    CONTENT_FORMAT,
    CONTENT_HEADERS,
    CONTENT_KEY,
    CONTENT_LOAD,
    CONTENT_MESSAGE,
    CONTENT_PAIR,
    CONTENT_PATTERNS,
    CONTENT_STATE,
    CONTENT_TICKETS
};
struct schema_file {
    uint16_t holds, first, last;
    uint8_t missing, directory, empty; /* enum schema_file_verdict */
    uint8_t content;
};

/* The row of the word in the parentheses of FILE or DIR; NULL when the release does not read it. */
const struct schema_file *khap__schema_file(struct khap_str holds, uint16_t release);

#endif

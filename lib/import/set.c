/* import/set.c - keys of the map that is made, and values as YAML. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

void khap__import_add_quoted(struct buf *out, struct khap_str text)
{
    khap__buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            khap__buf_char(out, '\\');
            khap__buf_char(out, (char)c);
        } else if (c == '\n') {
            khap__buf_add(out, S("\\n"));
        } else if (c < 0x20 || c == 0x7f) {
            khap__buf_add(out, S("\\x"));
            khap__buf_hex(out, c, 2);
        } else {
            khap__buf_char(out, (char)c);
        }
    }
    khap__buf_char(out, '"');
}

struct khap_str khap__import_quote(struct import *im, struct khap_str text)
{
    khap__buf_clear(&im->value);
    khap__import_add_quoted(&im->value, text);
    if (im->value.failed)
        khap__import_fail(im, KHAP_ENOMEM);
    return khap__import_dup(im, khap__buf_str(&im->value));
}

static bool set(struct import *im, struct khap_place place, struct khap_str yaml)
{
    enum khap_status status = im->path.failed ? KHAP_ENOMEM : im->failure;
    if (status == KHAP_OK)
        status = khap_model_set(im->model, khap__buf_str(&im->path), yaml, place, im->quiet);
    if (status != KHAP_OK && status != KHAP_EINPUT)
        khap__import_fail(im, status);
    return status == KHAP_OK;
}

bool khap__import_set(struct import *im, struct khap_place place, const char *map, struct khap_str name,
                      const char *key, struct khap_str yaml)
{
    if (khap__str_find(name, '"') < name.len)
        return false;
    khap__buf_clear(&im->path);
    khap__buf_add(&im->path, khap__str(map));
    khap__buf_add(&im->path, S(".\""));
    khap__buf_add(&im->path, name);
    khap__buf_char(&im->path, '"');
    if (key[0] != '\0') {
        khap__buf_char(&im->path, '.');
        khap__buf_add(&im->path, khap__str(key));
    }
    return set(im, place, yaml);
}

bool khap__import_set_top(struct import *im, struct khap_place place, const char *key, struct khap_str yaml)
{
    khap__buf_clear(&im->path);
    khap__buf_add(&im->path, khap__str(key));
    return set(im, place, yaml);
}

bool khap__import_set_text(struct import *im, struct khap_place place, const char *map, struct khap_str name,
                           const char *key, struct khap_str text)
{
    return khap__import_set(im, place, map, name, key, khap__import_quote(im, text));
}

/* value/path.h - paths of URLs. SPDX-License-Identifier: MIT */
#ifndef VALUE_PATH_H
#define VALUE_PATH_H

#include "value/number.h"

enum { KHAP__PATH_MAX = 4096 };
/* Begins with '/', bytes 0x21-0x7e without '?' and '#': VALUE_SYNTAX; at most KHAP__PATH_MAX bytes: VALUE_RANGE. */
enum value_error khap__path_parse(struct khap_str s);
struct khap_str khap__path_prefix(struct khap_str s); /* without trailing slashes; "" for "/" */

#endif

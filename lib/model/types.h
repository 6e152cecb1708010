/* model/types.h - readers of single types, for types.c. Each says what is wrong and returns false, or fills
 * *out. SPDX-License-Identifier: MIT */
#ifndef MODEL_TYPES_H
#define MODEL_TYPES_H

#include "model/read.h"

/* Copies text into the model. */
bool khap__keep_text(struct reader *r, struct khap_str text, struct setting *out);
/* Control bytes and overlong values are errors. */
bool khap__check_bytes(struct reader *r, enum key key, struct khap_str text, struct khap_place at);

/* type_net.c */
bool khap__read_address(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out);
bool khap__read_network(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out);
bool khap__read_host(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out);
/* type_http.c */
bool khap__read_path(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out);
bool khap__read_http(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                     struct setting *out);
bool khap__read_status(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                       struct setting *out);
bool khap__read_balance(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                        struct setting *out);
bool khap__read_limit_key(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                          struct setting *out);
bool khap__read_web(struct reader *r, enum key key, struct khap_str text, struct khap_place at,
                    struct setting *out);
/* "200" or "200-399" of a value that was read before. */
struct status_range khap__status_range(struct khap_str text);

#endif

/* What HAProxy says of the files that lines name, from files.tsv. SPDX-License-Identifier: MIT */
#include "schema/files.h"

#include "schema/files.inc"

const struct schema_file *khap__schema_file(struct khap_str holds, uint16_t release)
{
    for (size_t i = 0; i < sizeof file_rows / sizeof *file_rows; i++) {
        const struct schema_file *row = &file_rows[i];
        if (row->first <= release && release <= row->last &&
            khap__str_eq(khap__str(file_words + row->holds), holds))
            return row;
    }
    return NULL;
}

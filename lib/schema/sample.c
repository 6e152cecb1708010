/* schema/sample.c - where a fetch may stand, and which type of sample can be used as which. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"

bool khap__schema_legal(const struct schema_row *row, enum schema_place place)
{
    return khap__schema_legal_in(row, UINT32_C(1) << place);
}

bool khap__schema_legal_in(const struct schema_row *row, uint32_t places)
{
    return row->places == 0 || (khap__schema_class_places(row->places) & places) != 0;
}

bool khap__schema_casts(enum schema_sample from, enum schema_sample to, uint16_t release)
{
    if (from == SAMPLE_NONE || to == SAMPLE_NONE || from == to)
        return true;
    const struct schema_sample_row *row = khap__schema_sample_row(from, release);
    return row != NULL && (row->casts >> to & 1) != 0;
}

struct khap_str khap__schema_sample_match(enum schema_sample type, uint16_t release)
{
    const struct schema_sample_row *row = khap__schema_sample_row(type, release);
    return row == NULL ? S("") : khap__schema_text(row->match);
}

enum schema_sample khap__schema_sample_after(enum schema_sample before, const struct schema_row *converter)
{
    enum schema_sample out = (enum schema_sample)converter->out;
    return out == SAMPLE_SAME ? before : out;
}

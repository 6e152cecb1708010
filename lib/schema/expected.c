/* schema/expected.c - what a line should have had where something is wrong, in words. SPDX-License-Identifier: MIT */
#include "config.h"

#include "schema/program.h"

enum { MOST_WORDS = 8 };

/* "one of a, b, c", or of a longer table its name. */
static void add_words(const struct schema_line *line, unsigned table, struct buf *out)
{
    size_t at = 0, n = 0;
    const struct schema_row *row;
    while ((row = khap__schema_at(table, &at)) != NULL)
        n += row->first <= line->release && line->release <= row->last;
    if (n > MOST_WORDS || n == 0) {
        khap__buf_add(out, S("a word of '"));
        khap__buf_add(out, khap__schema_table_name(table));
        khap__buf_char(out, '\'');
        return;
    }
    khap__buf_add(out, n > 1 ? S("one of ") : S(""));
    for (at = 0, n = 0; (row = khap__schema_at(table, &at)) != NULL;) {
        if (line->release < row->first || row->last < line->release)
            continue;
        khap__buf_add(out, n++ > 0 ? S(", ") : S(""));
        khap__buf_add(out, khap__schema_text(row->words));
    }
}

enum khap_status khap__schema_print_expected(const struct schema_line *line, struct buf *out)
{
    khap__buf_clear(out);
    if (line->expected == UINT16_MAX) {
        khap__buf_add(out, S("the end of the line"));
        return out->failed ? KHAP_ENOMEM : KHAP_OK;
    }
    const uint16_t *code = khap__schema_code() + line->expected;
    int64_t min, max;
    switch ((enum schema_op)code[0]) {
    case OP_LITERAL:
        khap__buf_char(out, '\'');
        khap__buf_add(out, khap__schema_word(code[1]));
        khap__buf_char(out, '\'');
        break;
    case OP_TYPE:
        if (code[1] == TYPE_REF || code[1] == TYPE_LATE || code[1] == TYPE_DEF || code[1] == TYPE_DYNAMIC) {
            khap__buf_add(out, S("the name of "));
            khap__buf_add(out, khap__schema_kind_text((enum schema_kind)code[2]));
        } else
            khap__buf_add(out, khap__schema_expected((enum schema_type)code[1]));
        khap__schema_range(code[3], &min, &max);
        if (code[1] != TYPE_PORTS && (min != INT64_MIN || max != INT64_MAX)) {
            khap__buf_add(out, max == INT64_MAX   ? S(" from ")
                               : min == INT64_MIN ? S(" up to ")
                                                  : S(" from "));
            if (min != INT64_MIN)
                khap__buf_int(out, min);
            if (min != INT64_MIN && max != INT64_MAX)
                khap__buf_add(out, S(" to "));
            if (max != INT64_MAX)
                khap__buf_int(out, max);
            if (max == INT64_MAX)
                khap__buf_add(out, S(" on"));
        }
        break;
    case OP_VOCABULARY:
        add_words(line, code[1], out);
        break;
    case OP_END:
    case OP_OPTIONAL:
    case OP_MANY:
    case OP_ALTERNATIVE:
    case OP_SPLIT:
    case OP_NOT:
        khap__buf_add(out, S("something else"));
        break;
    }
    return out->failed ? KHAP_ENOMEM : KHAP_OK;
}

unsigned khap__schema_expected_table(const struct schema_line *line)
{
    return line->problem == SCHEMA_OPTION ? khap__schema_code()[line->expected + 1] : line->table;
}

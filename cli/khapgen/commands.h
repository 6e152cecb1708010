/* khapgen/commands.h - the subcommands: words as on the command line, without the program's name; an exit
 * status. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_COMMANDS_H
#define KHAPGEN_COMMANDS_H

#include "khapgen/options.h"
#include "khapgen/report.h"

struct khap_diff;

int cmd_apply(const char *const *words);
int cmd_generate(const char *const *words);
int cmd_check(const char *const *words);
int cmd_diff(const char *const *words);
int cmd_explain(const char *const *words);
int cmd_fmt(const char *const *words);
int cmd_import(const char *const *words);
int cmd_graph(const char *const *words);
int cmd_migrate(const char *const *words);
int cmd_parse(const char *const *words);
int cmd_route(const char *const *words);
int cmd_test(const char *const *words);

/* Shows what khapgen diff shows, but for the last line. How many changes can be made at run time. */
size_t diff_show(const struct report *r, struct khap_diff *diff);

/* Says what is wrong with an option that options_next() did not take. */
int command_bad_option(struct report *r, const struct options *o, enum option_result result);
/* What stands on a command line besides options, in its order. */
struct operands {
    const char **of; /* free()d by the caller */
    size_t n;
};
/* Reads a command line: options go to `take`, which says itself what is wrong with one. EXIT_…; what is wrong with one word does not hide the others. */
int command_read(struct report *r, enum command_id command, const char *const *words, void *ctx,
                 int (*take)(void *ctx, const struct options *o), struct operands *operands);
/* --format and --json; false after having said that there is no such format. */
bool command_format(struct report *r, const struct options *o);
/* Ends what was written to standard output; says so when it did not get there. */
int command_finish_output(struct report *r);

#endif

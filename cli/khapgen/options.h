/* khapgen/options.h - the command line, read by the table that options.tsv is. SPDX-License-Identifier: MIT
 */
#ifndef KHAPGEN_OPTIONS_H
#define KHAPGEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "khapgen/option_table.h"

enum option_result {
    OPTION_READ,
    OPTION_OPERAND,
    OPTION_END,
    OPTION_UNKNOWN,
    OPTION_NO_VALUE,
    OPTION_STRAY_VALUE
};

/* Goes through the words of a command line; options and operands may be mixed, `--` ends the options. */
struct options {
    const char *const *next; /* the words that are left, NULL at the end */
    enum command_id command;
    bool only_operands;  /* after -- */
    const char *cluster; /* what is left of -abc */
    /* the newest result: */
    enum option_id id; /* of OPTION_READ */
    const char *value; /* of OPTION_READ with an argument; of OPTION_OPERAND the operand */
    char name[64];     /* the option as it was written, without its value, cut where it is long */
};

void options_start(struct options *o, enum command_id command, const char *const *words);
enum option_result options_next(struct options *o);

/* COMMAND_COUNT when there is none of this name. */
enum command_id command_find(const char *name);
const char *command_name(enum command_id command);

/* The option nearest to an unknown one, with its dashes, or NULL when none is near. */
const char *options_nearest(enum command_id command, const char *name, char out[64]);

/* The help of one command, or of the program with COMMAND_COUNT. */
void options_help(enum command_id command, FILE *to);

#endif

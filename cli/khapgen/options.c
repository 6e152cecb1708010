/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <string.h>

struct option_row {
    const char *name, *argument, *text;
    unsigned char id;
    char letter; /* 0 for none */
};
struct example_row {
    const char *line, *text;
};
struct command_row {
    const char *name, *usage, *text;
    unsigned short first_option, options, first_example, examples;
};

#define KHAPGEN_OPTION_TABLES
#include "khapgen/nearest.h"
#include "khapgen/options.h"

void options_start(struct options *o, enum command_id command, const char *const *words)
{
    *o = (struct options){.next = words, .command = command};
}

enum command_id command_find(const char *name)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(command_rows[i].name, name) == 0)
            return (enum command_id)i;
    return COMMAND_COUNT;
}

const char *command_name(enum command_id command)
{
    return command_rows[command].name;
}

static void remember(struct options *o, const char *dashes, const char *name, size_t len)
{
    size_t n = strlen(dashes);
    if (len > sizeof o->name - n - 1)
        len = sizeof o->name - n - 1;
    memcpy(o->name, dashes, n);
    memcpy(o->name + n, name, len);
    o->name[n + len] = '\0';
}

static enum option_result take(struct options *o, const struct option_row *row, const char *value)
{
    o->id = (enum option_id)row->id;
    o->value = value;
    if (row->argument[0] == '\0')
        return value == NULL ? OPTION_READ : OPTION_STRAY_VALUE;
    if (value == NULL) {
        if (*o->next == NULL)
            return OPTION_NO_VALUE;
        o->value = *o->next++;
    }
    return o->value[0] == '\0' ? OPTION_NO_VALUE : OPTION_READ;
}

static enum option_result read_long(struct options *o, const char *word)
{
    const struct command_row *cmd = &command_rows[o->command];
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    remember(o, "--", word, len);
    for (unsigned i = 0; i < cmd->options; i++) {
        const struct option_row *row = &option_rows[cmd->first_option + i];
        if (strlen(row->name) == len && memcmp(row->name, word, len) == 0)
            return take(o, row, equals != NULL ? equals + 1 : NULL);
    }
    return OPTION_UNKNOWN;
}

static enum option_result read_short(struct options *o)
{
    const struct command_row *cmd = &command_rows[o->command];
    char letter = *o->cluster++;
    remember(o, "-", &letter, 1);
    for (unsigned i = 0; i < cmd->options; i++) {
        const struct option_row *row = &option_rows[cmd->first_option + i];
        if (row->letter != letter)
            continue;
        if (row->argument[0] == '\0' || *o->cluster == '\0')
            return take(o, row, NULL);
        const char *value = o->cluster; /* -oFILE */
        o->cluster = "";
        return take(o, row, value);
    }
    return OPTION_UNKNOWN;
}

enum option_result options_next(struct options *o)
{
    if (o->cluster != NULL && *o->cluster != '\0')
        return read_short(o);
    o->cluster = NULL;
    const char *word = *o->next;
    if (word == NULL)
        return OPTION_END;
    o->next++;
    if (o->only_operands || word[0] != '-' || word[1] == '\0') {
        o->value = word;
        return OPTION_OPERAND;
    }
    if (word[1] != '-') {
        o->cluster = word + 1;
        return read_short(o);
    }
    if (word[2] == '\0') {
        o->only_operands = true;
        return options_next(o);
    }
    return read_long(o, word + 2);
}

const char *options_nearest(enum command_id command, const char *name, char out[64])
{
    const struct command_row *cmd = &command_rows[command];
    struct nearest near;
    nearest_start(&near, name + strspn(name, "-"));
    for (unsigned i = 0; i < cmd->options; i++)
        nearest_offer(&near, option_rows[cmd->first_option + i].name);
    if (near.best == NULL)
        return NULL;
    snprintf(out, 64, "--%s", near.best);
    return out;
}

/* Text in columns from `indent` to 79, broken at blanks; up to where its first sentence ends, or all of it. */
static void wrap_sentences(FILE *to, const char *text, size_t indent, bool first_only)
{
    size_t column = indent;
    for (const char *p = text; *p != '\0' && !(first_only && p - text > 2 && p[-1] == ' ' && p[-2] == '.');) {
        size_t len = strcspn(p, " ");
        if (column > indent && column + 1 + len > 79) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putc(' ', to);
            column++;
        }
        fwrite(p, 1, len, to);
        column += len;
        p += len + strspn(p + len, " ");
    }
    putc('\n', to);
}

static void wrap(FILE *to, const char *text, size_t indent)
{
    wrap_sentences(to, text, indent, false);
}

static void help_options(const struct command_row *cmd, FILE *to)
{
    for (unsigned i = 0; i < cmd->options; i++) {
        const struct option_row *row = &option_rows[cmd->first_option + i];
        char left[64], letter[] = {'-', row->letter, ',', '\0'};
        int n = snprintf(left, sizeof left, "  %3s --%s%s%s", row->letter != 0 ? letter : "", row->name,
                         row->argument[0] != '\0' ? " " : "", row->argument);
        fprintf(to, "%s%*s", left, n < 25 ? 25 - n : 1, "");
        if (n >= 25)
            fprintf(to, "\n%25s", "");
        wrap(to, row->text, 25);
    }
}

/* At most so many of its examples. */
static void help_examples(const struct command_row *cmd, unsigned most, FILE *to)
{
    for (unsigned i = 0; i < cmd->examples && i < most; i++) {
        const struct example_row *row = &example_rows[cmd->first_example + i];
        fprintf(to, "  %s\n", row->line);
        fputs("      ", to);
        wrap(to, row->text, 6);
    }
}

void options_help(enum command_id command, FILE *to)
{
    if (command < COMMAND_COUNT) {
        const struct command_row *cmd = &command_rows[command];
        fprintf(to, "usage: khapgen %s %s\n", cmd->name, cmd->usage);
        wrap(to, cmd->text, 0);
        fputs("\noptions:\n", to);
        help_options(cmd, to);
        fputs("\nexamples:\n", to);
        help_examples(cmd, cmd->examples, to);
        fputs("\nSee khapgen(1) and khap-services(5).\n", to);
        return;
    }
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "%s khapgen %s %s\n", i == 0 ? "usage:" : "      ",
                i == 0 ? "[generate]" : command_rows[i].name, command_rows[i].usage);
    fputs("       khapgen --help | --version\n\ncommands:\n", to);
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-12s", command_rows[i].name);
        wrap_sentences(to, command_rows[i].text, 14, true);
    }
    fputs("\n`khapgen COMMAND --help` tells the rest.\n", to);
    fprintf(to, "\noptions of %s, which is meant where no command is named:\n", command_rows[0].name);
    help_options(&command_rows[0], to);
    fputs("\nexamples:\n", to);
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        help_examples(&command_rows[i], i == 0 ? 3 : 1, to);
    fputs("\nMAP is a file, or - for standard input; several are merged.\n"
          "Exit status: 0 done, even with warnings; 1 the answer is no (--check would change\n"
          "something); 2 unusable input or options; 3 an operation failed or was refused.\n"
          "See khapgen(1) and khap-services(5).\n",
          to);
}

/* khapgen/report.h - the diagnostics of a run, and how they are shown. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_REPORT_H
#define KHAPGEN_REPORT_H

#include <khap/diag.h>
#include <stdbool.h>

/* Exit statuses, the same for every command. */
enum { EXIT_DONE = 0, EXIT_NO = 1, EXIT_UNUSABLE = 2, EXIT_FAILED = 3 };

#define WORD(literal) ((struct khap_str){"" literal, sizeof(literal) - 1})
struct khap_str word(const char *nul_terminated);

struct report {
    struct khap_sources *sources;
    struct khap_diags *diags;
    bool json;
    bool sarif;     /* report_show() leaves it to whoever prints the document */
    bool no_memory; /* something could not be said */
};

/* EXIT_DONE, or EXIT_FAILED after having said that memory is short. */
int report_open(struct report *r);
/* Shows what was found, on standard error. False when memory was short, which is said: not all was shown. */
bool report_show(struct report *r);
void report_close(struct report *r);

/* Adds a diagnostic with up to two words; an empty one where the message has none. */
void report_say(struct report *r, const char *code, struct khap_place place, struct khap_str first,
                struct khap_str second);
/* The same about something that has a name and no text: a file that cannot be read, the command line. */
void report_about(struct report *r, const char *code, const char *name, struct khap_str first,
                  struct khap_str second);

/* The exit status that goes with a library's status; says what no diagnostic says. */
int report_status(struct report *r, enum khap_status status);

/* Says that there is no memory, without needing any. */
int report_no_memory(void);

#endif

/* diff/command.c - a command of the plan, written down word by word. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

void khap__command_begin(struct diff_command *c, struct khap_diff *d, enum diff_phase phase,
                         const char *words)
{
    *c = (struct diff_command){
        .d = d, .is = {.size = sizeof c->is, .change = d->changes.len - 1}, .phase = phase};
    khap__buf_init(&c->text, &d->alloc);
    khap__buf_add(&c->text, khap__str(words));
}

/* Words end at blanks, commands at `;` and at line ends, and a backslash is read in its own way. */
void khap__command_word(struct diff_command *c, struct khap_str word)
{
    c->bad = c->bad || word.len == 0;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char byte = (unsigned char)word.ptr[i];
        c->bad = c->bad || byte <= 0x20 || byte == 0x7f || byte == ';' || byte == '\\' || byte == '"' ||
                 byte == '\'';
    }
    khap__buf_char(&c->text, ' ');
    khap__buf_add(&c->text, word);
}

void khap__command_server(struct diff_command *c, struct khap_str backend, struct khap_str server)
{
    struct buf name;
    khap__buf_init(&name, &c->d->alloc);
    khap__buf_add(&name, backend);
    khap__buf_char(&name, '/');
    khap__buf_add(&name, server);
    if (name.failed)
        c->d->status = KHAP_ENOMEM;
    khap__command_word(c, khap__buf_str(&name));
    khap__buf_free(&name);
}

void khap__command_words(struct diff_command *c, const char *words)
{
    if (words[0] != '\0') {
        khap__buf_char(&c->text, ' ');
        khap__buf_add(&c->text, khap__str(words));
    }
}

bool khap__command_end(struct diff_command *c)
{
    struct khap_diff *d = c->d;
    if (c->text.failed)
        d->status = KHAP_ENOMEM;
    bool good = !c->bad && d->status == KHAP_OK;
    if (good) {
        c->is.text = khap__diff_keep(d, khap__buf_str(&c->text));
        if (!VEC_PUSH(&d->alloc, &d->commands, ((struct diff_planned){c->is, c->phase})))
            d->status = KHAP_ENOMEM;
    }
    khap__buf_free(&c->text);
    return good && d->status == KHAP_OK;
}

void khap__commands_order(struct khap_diff *d)
{
    uint32_t n = 0;
    if (d->commands.len == 0)
        return;
    struct diff_planned *sorted = khap__alloc(&d->alloc, d->commands.len, sizeof *sorted);
    if (sorted == NULL) {
        d->status = KHAP_ENOMEM;
        return;
    }
    for (int phase = 0; phase < PHASES; phase++)
        for (uint32_t i = 0; i < d->commands.len; i++)
            if (d->commands.ptr[i].phase == (enum diff_phase)phase)
                sorted[n++] = d->commands.ptr[i];
    for (uint32_t i = 0; i < n; i++)
        d->commands.ptr[i] = sorted[i];
    khap__free(&d->alloc, sorted, d->commands.len, sizeof *sorted);
}

/* import/node_check.c - the one check of each node, which services go by. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"
#include "value/address.h"

static void set_word(struct import *im, const struct import_line *line, const char *key,
                     struct khap_str value, const char *usual)
{
    if (!khap__str_eq(value, khap__str(usual)))
        (void)khap__import_set_top(im, line->place, key, khap__import_quote(im, value));
}

static const struct import_server *tracking(const struct import *im, struct khap_str name)
{
    for (uint32_t i = 0; i < im->services.len; i++) {
        for (uint32_t k = 0; k < im->services.ptr[i].servers.len; k++) {
            const struct import_server *server = &im->services.ptr[i].servers.ptr[k];
            if (server->tracks && khap__str_eq(server->name, name))
                return server;
        }
    }
    return NULL;
}

/* All nodes stand there, whether a service has them or not. */
static void add_node(struct import *im, uint32_t at, const struct address *address)
{
    const struct import_line *line = &im->in.lines.ptr[at];
    const struct import_server *server = tracking(im, line->words[1]);
    struct import_server node = {.name = line->words[1],
                                 .host = khap__import_dup(im, address->host),
                                 .weight = 100,
                                 .is_node = true,
                                 .line = at};
    if (!VEC_PUSH(&im->alloc, &im->nodes, server != NULL ? *server : node))
        khap__import_fail(im, KHAP_ENOMEM);
}

static void take_line(struct import *im, uint32_t at, bool *port)
{
    const struct import_line *line = &im->in.lines.ptr[at];
    struct address address;
    char room[20];
    if (khap__import_begins(line, "http-check send meth GET uri") > 0)
        set_word(im, line, "nodeCheck.path", word_at(line, 5), "");
    else if (khap__import_begins(line, "option httpchk GET") > 0)
        set_word(im, line, "nodeCheck.path", word_at(line, 3), "");
    else if (khap__import_begins(line, "default-server inter") > 0 && line->n == 7) {
        set_word(im, line, "nodeCheck.interval", line->words[2], "2s");
        set_word(im, line, "nodeCheck.fall", line->words[4], "3");
        set_word(im, line, "nodeCheck.rise", line->words[6], "2");
    } else if (word_is(line, 0, "server") && line->n > 2 &&
               khap__address_parse(line->words[2], &address) == VALUE_OK && address.has_port) {
        if (!*port)
            *port =
                khap__import_set_top(im, line->place, "nodeCheck.port", khap__str_uint(room, address.port));
        add_node(im, at, &address);
    }
}

/* Its lines stay open, and have to come out again. */
void khap__import_node_check(struct import *im)
{
    uint32_t section = im->ours ? khap__import_find(&im->in, S("backend"), S("khap-nodes")) : NO_SECTION;
    const struct import_section *s = section == NO_SECTION ? NULL : &im->in.sections.ptr[section];
    bool port = false;
    for (uint32_t i = s != NULL ? s->first : 0; s != NULL && i < s->end; i++) {
        if (!im->in.lines.ptr[i].variable)
            take_line(im, i, &port);
    }
}

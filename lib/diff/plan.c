/* diff/plan.c - what a running HAProxy can take: the commands for a change, or why it must reload. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"
#include "value/address.h"

/* A command that is written down word by word. */
struct command {
    struct khap_diff *d;
    struct buf text;
    bool bad; /* a word cannot stand in a command */
};

static void begin(struct command *c, struct khap_diff *d)
{
    *c = (struct command){.d = d};
    khap__buf_init(&c->text, &d->alloc);
}

/* Words end at blanks, commands at `;` and at line ends, and a backslash is read in its own way. */
static void add_word(struct command *c, struct khap_str word)
{
    c->bad = c->bad || word.len == 0;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char byte = (unsigned char)word.ptr[i];
        c->bad = c->bad || byte <= 0x20 || byte == 0x7f || byte == ';' || byte == '\\' || byte == '"' ||
                 byte == '\'';
    }
    if (c->text.len > 0)
        khap__buf_char(&c->text, ' ');
    khap__buf_add(&c->text, word);
}

static void add_words(struct command *c, const char *words)
{
    if (c->text.len > 0)
        khap__buf_char(&c->text, ' ');
    khap__buf_add(&c->text, khap__str(words));
}

/* Adds it to the plan; false, and nothing is added, when it cannot be said. */
static bool end(struct command *c, struct khap_str payload)
{
    struct khap_diff *d = c->d;
    struct khap_command command = {.size = sizeof command, .payload = payload, .change = d->changes.len - 1};
    bool good = !c->bad && d->status == KHAP_OK;
    if (c->text.failed)
        d->status = KHAP_ENOMEM;
    if (good)
        command.text = khap__diff_keep(d, khap__buf_str(&c->text));
    khap__buf_free(&c->text);
    if (good && !VEC_PUSH(&d->alloc, &d->commands, command))
        d->status = KHAP_ENOMEM;
    return good;
}

static struct khap_str only_at_start(struct khap_diff *d, struct khap_str keyword)
{
    struct buf b;
    khap__buf_init(&b, &d->alloc);
    khap__buf_char(&b, '`');
    khap__buf_add(&b, keyword);
    khap__buf_add(&b, S("` is read when HAProxy starts"));
    if (b.failed)
        d->status = KHAP_ENOMEM;
    struct khap_str kept = khap__diff_keep(d, khap__buf_str(&b));
    khap__buf_free(&b);
    return kept;
}

/* ---- servers */

/* What a server line says that can be said anew, and where. */
struct server {
    uint32_t weight; /* the word of its value, or 0 */
    bool disabled;
};

static bool is_word(const struct diff_line *line, uint32_t i, const char *word)
{
    return i < line->n && khap__str_eq(line->words[i], khap__str(word));
}

/* The other words of both must be the same. */
static bool same_but(const struct diff_line *a, const struct diff_line *b, struct server *of_a,
                     struct server *of_b)
{
    uint32_t i = a->first + 2, k = b->first + 2;
    for (;;) {
        bool skip_a = is_word(a, i, "weight") || is_word(a, i, "disabled") || is_word(a, i, "enabled");
        bool skip_b = is_word(b, k, "weight") || is_word(b, k, "disabled") || is_word(b, k, "enabled");
        if (skip_a && is_word(a, i, "weight")) {
            of_a->weight = ++i;
        } else if (skip_a) {
            of_a->disabled = is_word(a, i, "disabled");
        }
        i += skip_a;
        if (skip_b && is_word(b, k, "weight")) {
            of_b->weight = ++k;
        } else if (skip_b) {
            of_b->disabled = is_word(b, k, "disabled");
        }
        k += skip_b;
        if (skip_a || skip_b)
            continue;
        if (i >= a->n || k >= b->n)
            return i >= a->n && k >= b->n;
        if (!khap__str_eq(a->words[i++], b->words[k++]))
            return false;
    }
}

static void begin_server(struct command *c, struct khap_diff *d, const struct khap_change *change,
                         const struct diff_line *line)
{
    struct buf name;
    begin(c, d);
    add_words(c, "set server");
    khap__buf_init(&name, &d->alloc);
    khap__buf_add(&name, change->name);
    khap__buf_char(&name, '/');
    khap__buf_add(&name, line->words[line->first]);
    if (name.failed)
        d->status = KHAP_ENOMEM;
    add_word(c, khap__buf_str(&name));
    khap__buf_free(&name);
}

/* `addr` and `port` of an address that is all numbers. */
static bool plan_address(struct khap_diff *d, struct khap_change *change, const struct diff_line *line)
{
    struct address a;
    struct khap_str word = line->words[line->first + 1];
    if (khap__address_parse(word, &a) != VALUE_OK || (a.family != ADDRESS_V4 && a.family != ADDRESS_V6) ||
        a.variable || a.prefix != PREFIX_NONE || !a.has_port || a.relative_port || a.port == 0 ||
        a.port != a.port_last)
        return false;
    char room[KHAP__IP_TEXT], digits[20];
    struct khap_str ip = {room, a.family == ADDRESS_V4 ? khap__ipv4_print(room, a.ip)
                                                       : khap__ipv6_print(room, a.ip)};
    struct command c;
    begin_server(&c, d, change, line);
    add_words(&c, "addr");
    add_word(&c, ip);
    add_words(&c, "port");
    add_word(&c, khap__str_uint(digits, a.port));
    return end(&c, S(""));
}

/* ---- servers that come and go: from 2.6 on, where the algorithm takes them */

/* What is known to be the same in `add server`; with how many words behind it, and since when. */
static const struct {
    char word[12];
    uint8_t values;
    uint16_t since;
} dynamic_options[] = {
    {"backup", 0, 206}, {"check", 0, 206},     {"cookie", 1, 300},  {"disabled", 0, 206}, {"fall", 1, 206},
    {"id", 1, 206},     {"inter", 1, 206},     {"maxconn", 1, 206}, {"maxqueue", 1, 206}, {"port", 1, 206},
    {"rise", 1, 206},   {"slowstart", 1, 206}, {"weight", 1, 206},
};
enum { DYNAMIC_OPTIONS = sizeof dynamic_options / sizeof *dynamic_options };

static size_t dynamic_option(struct khap_str word)
{
    size_t i = 0;
    while (i < DYNAMIC_OPTIONS && !khap__str_eq(word, khap__str(dynamic_options[i].word)))
        i++;
    return i;
}

static bool takes_options(const struct khap_diff *d, const struct diff_line *line)
{
    for (uint32_t i = line->first + 2; i < line->n; i++) {
        size_t option = dynamic_option(line->words[i]);
        if (option == DYNAMIC_OPTIONS || dynamic_options[option].since > d->target.first)
            return false;
        i += dynamic_options[option].values;
    }
    return true;
}

static bool has_option(const struct diff_line *line, const char *word)
{
    for (uint32_t i = line->first + 2; i < line->n; i++) {
        size_t option = dynamic_option(line->words[i]);
        if (is_word(line, i, word))
            return true;
        i += option < DYNAMIC_OPTIONS ? dynamic_options[option].values : 0;
    }
    return false;
}

/* Whether the section, with what it inherits, takes servers at any time, and adds nothing to them that a command would not. */
static bool takes_servers(const struct diff_side *side, uint32_t section)
{
    static const char *const algorithms[] = {"roundrobin", "leastconn", "first", "random"};
    bool balance = false, consistent = false, dynamic = true;
    size_t steps = side->sections.len;
    for (; section != DIFF_NONE && steps-- > 0; section = side->sections.ptr[section].defaults) {
        for (uint32_t i = side->sections.ptr[section].first; i != DIFF_NONE; i = side->lines.ptr[i].next) {
            const struct diff_line *line = &side->lines.ptr[i];
            if (khap__str_eq(line->keyword, S("default-server")) ||
                khap__str_eq(line->keyword, S("server-template")))
                return false;
            consistent =
                consistent || (khap__str_eq(line->keyword, S("hash-type")) && is_word(line, 1, "consistent"));
            if (!khap__str_eq(line->keyword, S("balance")) || line->n < 2 || balance)
                continue;
            balance = true;
            dynamic = false;
            for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++)
                dynamic = dynamic || is_word(line, 1, algorithms[a]) ||
                          (a == 3 && khap__str_starts(line->words[1], S("random(")));
        }
    }
    return dynamic || consistent;
}

static void add_server_name(struct command *c, const struct khap_change *change, const struct diff_line *line)
{
    add_word(c, change->name);
    khap__buf_char(&c->text, '/');
    c->bad = c->bad || khap__str_find(line->words[line->first], ' ') < line->words[line->first].len;
    khap__buf_add(&c->text, line->words[line->first]);
}

/* NULL when it was planned. A server begins in maintenance; with checks it is down until the first one was good. */
static const char *plan_new_server(struct khap_diff *d, const struct khap_change *change,
                                   const struct diff_line *line)
{
    struct address a;
    struct command c;
    if (d->target.first < KHAP_RELEASE(2, 6))
        return "servers come and go with a reload before 2.6";
    if (line->variable || !line->sure || line->n < line->first + 2)
        return "it is not all known";
    if (!takes_servers(&d->after, line->section) || !takes_options(d, line))
        return "not all that it says, or its backend, can be said in a command";
    if (khap__address_parse(line->words[line->first + 1], &a) != VALUE_OK ||
        (a.family != ADDRESS_V4 && a.family != ADDRESS_V6) || a.variable || !a.has_port || a.relative_port)
        return "its address is looked up when HAProxy starts";
    begin(&c, d);
    add_words(&c, "add server");
    add_server_name(&c, change, line);
    for (uint32_t i = line->first + 1; i < line->n; i++) {
        if (i == line->first + 1 || !is_word(line, i, "disabled"))
            add_word(&c, line->words[i]);
    }
    if (!end(&c, S("")))
        return "its words cannot stand in a command";
    bool check = has_option(line, "check"), off = has_option(line, "disabled");
    if (!check && off)
        return NULL;
    begin(&c, d);
    if (check) {
        add_words(&c, "enable health");
        add_server_name(&c, change, line);
    }
    if (!off) {
        add_words(&c, check ? "; enable server" : "enable server");
        add_server_name(&c, change, line);
    }
    if (check && !off) {
        add_words(&c, "; set server");
        add_server_name(&c, change, line);
        add_words(&c, "health down");
    }
    return end(&c, S("")) ? NULL : "its words cannot stand in a command";
}

/* It must be in maintenance, and nothing may be left on it. */
static const char *plan_old_server(struct khap_diff *d, const struct khap_change *change,
                                   const struct diff_line *line)
{
    static const char *const words[][2] = {
        {"set server", "state maint"}, {"wait 10s srv-removable", ""}, {"del server", ""}};
    if (d->target.first < KHAP_RELEASE(2, 6))
        return "servers come and go with a reload before 2.6";
    if (line->variable || !line->sure || !takes_servers(&d->before, line->section))
        return "its backend cannot do without it before a reload";
    for (size_t i = 0; i < 3; i++) {
        struct command c;
        if (i == 1 && d->target.first < KHAP_RELEASE(3, 0))
            continue;
        begin(&c, d);
        add_words(&c, words[i][0]);
        add_server_name(&c, change, line);
        if (words[i][1][0] != '\0')
            add_words(&c, words[i][1]);
        if (!end(&c, S("")))
            return "its name cannot stand in a command";
    }
    return NULL;
}

/* NULL when it was planned, else why not. */
static const char *plan_server(struct khap_diff *d, struct khap_change *change,
                               const struct diff_line *before, const struct diff_line *after)
{
    struct server was = {0, false}, is = {0, false};
    if (before == NULL)
        return plan_new_server(d, change, after);
    if (after == NULL)
        return plan_old_server(d, change, before);
    if (before->variable || after->variable || !before->sure || !after->sure ||
        before->n < before->first + 2 || after->n < after->first + 2)
        return "it is not all known";
    if (!same_but(before, after, &was, &is))
        return "an option of the server is read when HAProxy starts";
    if ((was.weight == 0) != (is.weight == 0) || was.weight >= before->n || is.weight >= after->n)
        return "its weight is another one than what HAProxy takes without `weight`";
    if (!khap__str_eq(before->words[before->first + 1], after->words[after->first + 1]) &&
        !plan_address(d, change, after))
        return "its address is looked up when HAProxy starts";
    struct command c;
    if (is.weight != 0 && !khap__str_eq(before->words[was.weight], after->words[is.weight])) {
        begin_server(&c, d, change, after);
        add_words(&c, "weight");
        add_word(&c, after->words[is.weight]);
        if (!end(&c, S("")))
            return "its name cannot stand in a command";
    }
    if (was.disabled != is.disabled) {
        begin_server(&c, d, change, after);
        add_words(&c, is.disabled ? "state maint" : "state ready");
        if (!end(&c, S("")))
            return "its name cannot stand in a command";
    }
    return NULL;
}

/* ---- other lines */

/* `maxconn` of the process, and of a frontend. */
static bool plan_maxconn(struct khap_diff *d, const struct khap_change *change, const struct diff_line *after)
{
    bool global = khap__str_eq(change->section, S("global"));
    if (after == NULL || change->kind != KHAP_CHANGE_CHANGED || !after->sure || after->variable ||
        after->n != 2 || !(global || khap__str_eq(change->section, S("frontend"))))
        return false;
    struct command c;
    begin(&c, d);
    add_words(&c, global ? "set maxconn global" : "set maxconn frontend");
    if (!global)
        add_word(&c, change->name);
    add_word(&c, after->words[1]);
    return end(&c, S(""));
}

void khap__plan_line(struct khap_diff *d, struct khap_change *change, const struct diff_line *before,
                     const struct diff_line *after)
{
    uint32_t so_far = d->commands.len;
    const char *why = NULL;
    if (khap__str_eq(change->keyword, S("server")) && !khap__str_eq(change->section, S("peers")) &&
        !khap__str_eq(change->section, S("ring")) && !khap__str_eq(change->section, S("log-forward")))
        why = plan_server(d, change, before, after);
    else if (khap__str_eq(change->keyword, S("maxconn")) && plan_maxconn(d, change, after))
        return;
    else
        why = "";
    if (why == NULL)
        return;
    d->commands.len = so_far;
    khap__diff_reload(d, change, why[0] != '\0' ? khap__str(why) : only_at_start(d, change->keyword));
}

/* ---- files */

void khap__plan_entry(struct khap_diff *d, struct khap_change *change, const struct diff_file *file,
                      bool sorted)
{
    static const char *const words[] = {"", "add", "del", "set"};
    struct command c;
    bool map = khap__str_eq(file->holds, S("map"));
    if (sorted) {
        khap__diff_reload(d, change, S("the first entry that matches counts"));
        return;
    }
    begin(&c, d);
    add_words(&c, words[change->kind]);
    add_words(&c, map ? "map" : "acl");
    add_word(&c, file->name);
    /* `#…` would be the number of an entry */
    c.bad = c.bad || change->keyword.ptr[0] == '#';
    add_word(&c, change->keyword);
    if (map && change->kind != KHAP_CHANGE_REMOVED)
        add_word(&c, change->after);
    if (!end(&c, S("")))
        khap__diff_reload(d, change, S("its bytes cannot stand in a command"));
}

/* Files that a command replaces: what they hold, and since when. */
static const struct {
    char holds[8], set[24], commit[24];
    uint16_t since;
} replaced[] = {
    {"cert", "set ssl cert", "commit ssl cert", 202},
    {"ca", "set ssl ca-file", "commit ssl ca-file", 205},
    {"crl", "set ssl crl-file", "commit ssl crl-file", 205},
};

void khap__plan_file(struct khap_diff *d, struct khap_change *change, const struct diff_file *file)
{
    if (change == NULL)
        return;
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        struct command c;
        if (!khap__str_eq(file->holds, khap__str(replaced[i].holds)) || change->kind != KHAP_CHANGE_CHANGED ||
            d->target.first < replaced[i].since)
            continue;
        uint32_t so_far = d->commands.len;
        begin(&c, d);
        add_words(&c, replaced[i].set);
        add_word(&c, file->name);
        if (!end(&c, file->path))
            break;
        begin(&c, d);
        add_words(&c, replaced[i].commit);
        add_word(&c, file->name);
        if (end(&c, S("")))
            return;
        d->commands.len = so_far;
    }
    khap__diff_reload(d, change, S("the file is read when HAProxy starts"));
}

/* diff/servers.c - servers that change, come and go while HAProxy runs. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"
#include "value/address.h"

/* ---- what a server has: of its line, and of `default-server`, which `add server` does not heed up to 3.4 */

/* An option that is known to do the same in `add server`; with how many words behind it, and since when. */
static const struct {
    char word[20];
    uint8_t values;
    uint16_t since;
} dynamic_options[] = {
    {"addr", 1, 206},
    {"agent-addr", 1, 206},
    {"agent-check", 0, 206},
    {"agent-inter", 1, 206},
    {"agent-port", 1, 206},
    {"agent-send", 1, 206},
    {"allow-0rtt", 0, 206},
    {"alpn", 1, 206},
    {"backup", 0, 206},
    {"ca-file", 1, 206},
    {"check", 0, 206},
    {"check-alpn", 1, 206},
    {"check-proto", 1, 206},
    {"check-send-proxy", 0, 206},
    {"check-sni", 1, 206},
    {"check-ssl", 0, 206},
    {"cookie", 1, 300},
    {"disabled", 0, 206},
    {"downinter", 1, 206},
    {"enabled", 0, 206},
    {"error-limit", 1, 206},
    {"fall", 1, 206},
    {"fastinter", 1, 206},
    {"guid", 1, 300},
    {"id", 1, 206},
    {"init-state", 1, 301},
    {"inter", 1, 206},
    {"maxconn", 1, 206},
    {"maxqueue", 1, 206},
    {"minconn", 1, 206},
    {"observe", 1, 206},
    {"on-error", 1, 206},
    {"on-marked-down", 1, 206},
    {"on-marked-up", 1, 206},
    {"pool-low-conn", 1, 206},
    {"pool-max-conn", 1, 206},
    {"pool-purge-delay", 1, 206},
    {"port", 1, 206},
    {"proto", 1, 206},
    {"rise", 1, 206},
    {"send-proxy", 0, 206},
    {"send-proxy-v2", 0, 206},
    {"slowstart", 1, 206},
    {"sni", 1, 206},
    {"ssl", 0, 206},
    {"ssl-max-ver", 1, 206},
    {"ssl-min-ver", 1, 206},
    {"track", 1, 206},
    {"verify", 1, 206},
    {"verifyhost", 1, 206},
    {"weight", 1, 206},
    {"ws", 1, 206},
};
enum { DYNAMIC_OPTIONS = sizeof dynamic_options / sizeof *dynamic_options };

static size_t dynamic_option(struct khap_str word)
{
    size_t i = 0;
    while (i < DYNAMIC_OPTIONS && !khap__str_eq(word, khap__str(dynamic_options[i].word)))
        i++;
    return i;
}

struct server {
    struct khap_str weight, maxconn, track;
    bool check, agent, disabled, init_state;
    bool ssl, proxy, check_ssl, check_proxy, elsewhere; /* elsewhere: checks go to another port or address */
    bool unknown;                                       /* has an option that cannot be said in a command */
    VEC(struct khap_str) words;                         /* all but being in maintenance */
    VEC(struct khap_str) beside;                        /* those of its line that no command changes */
};

static bool is(struct khap_str word, const char *text)
{
    return khap__str_eq(word, khap__str(text));
}

static void add(struct khap_diff *d, struct server *s, struct khap_str word, bool beside)
{
    if (!VEC_PUSH(&d->alloc, &s->words, word) || (beside && !VEC_PUSH(&d->alloc, &s->beside, word)))
        d->status = KHAP_ENOMEM;
}

static void read_options(struct khap_diff *d, const struct diff_line *line, uint32_t from, bool own,
                         struct server *s)
{
    for (uint32_t i = from; i < line->n; i++) {
        struct khap_str word = line->words[i];
        size_t option = dynamic_option(word);
        uint32_t values = option < DYNAMIC_OPTIONS ? dynamic_options[option].values : 0;
        bool whole = values < line->n - i;
        s->unknown = s->unknown || !whole || option == DYNAMIC_OPTIONS ||
                     dynamic_options[option].since > d->target.first;
        struct khap_str value = values > 0 && whole ? line->words[i + 1] : S("");
        bool changes = false;
        if (is(word, "disabled") || is(word, "enabled")) {
            s->disabled = is(word, "disabled");
            continue;
        }
        if (is(word, "weight") || is(word, "maxconn")) {
            *(is(word, "weight") ? &s->weight : &s->maxconn) = value;
            changes = true;
        } else if (is(word, "track")) {
            s->track = value;
        }
        s->check = s->check || is(word, "check");
        s->agent = s->agent || is(word, "agent-check");
        s->init_state = s->init_state || is(word, "init-state");
        s->ssl = s->ssl || is(word, "ssl");
        s->proxy = s->proxy || is(word, "send-proxy") || is(word, "send-proxy-v2");
        s->check_ssl = s->check_ssl || is(word, "check-ssl");
        s->check_proxy = s->check_proxy || is(word, "check-send-proxy");
        s->elsewhere = s->elsewhere || is(word, "port") || is(word, "addr");
        for (add(d, s, word, own && !changes); values > 0 && i + 1 < line->n; values--)
            add(d, s, line->words[++i], own && !changes);
    }
}

static bool is_line(const struct diff_line *line, const char *keyword)
{
    return is(line->keyword, keyword);
}

/* `default-server` of the outermost `defaults` first, then the section's own up to the line, then the line. */
static void read_server(struct khap_diff *d, const struct diff_side *side, const struct diff_line *line,
                        struct server *s)
{
    uint32_t deep = 0;
    *s = (struct server){.weight = S("1")};
    for (uint32_t at = line->section; at != DIFF_NONE && deep < side->sections.len;
         at = side->sections.ptr[at].defaults)
        deep++;
    while (deep-- > 0) {
        uint32_t at = line->section;
        for (uint32_t i = 0; i < deep; i++)
            at = side->sections.ptr[at].defaults;
        for (uint32_t i = side->sections.ptr[at].first; i != DIFF_NONE && &side->lines.ptr[i] != line;
             i = side->lines.ptr[i].next) {
            const struct diff_line *l = &side->lines.ptr[i];
            if (!is_line(l, "default-server"))
                continue;
            s->unknown = s->unknown || l->variable || !l->sure;
            read_options(d, l, l->first, false, s);
        }
    }
    read_options(d, line, line->first + 2, true, s);
}

static void free_server(struct khap_diff *d, struct server *s)
{
    VEC_FREE(&d->alloc, &s->words);
    VEC_FREE(&d->alloc, &s->beside);
}

/* ---- what a backend says for all of them */

/* The line that holds for a section: its own, else what it inherits. NULL without one. */
const struct diff_line *khap__diff_effective(const struct diff_side *side, uint32_t section,
                                             const char *keyword)
{
    for (size_t steps = side->sections.len; section != DIFF_NONE && steps-- > 0;
         section = side->sections.ptr[section].defaults) {
        const struct diff_line *last = NULL;
        for (uint32_t i = side->sections.ptr[section].first; i != DIFF_NONE; i = side->lines.ptr[i].next)
            last = is_line(&side->lines.ptr[i], keyword) ? &side->lines.ptr[i] : last;
        if (last != NULL)
            return last;
    }
    return NULL;
}

static bool says(const struct diff_line *line, const char *word)
{
    for (uint32_t i = line != NULL ? line->first : 0; line != NULL && i < line->n; i++)
        if (is(line->words[i], word))
            return true;
    return false;
}

/* Whether its algorithm takes servers, and any weight, at any time. What is not certain is none that does. */
static bool is_dynamic(const struct diff_side *side, uint32_t section)
{
    static const char *const always[] = {"roundrobin", "leastconn", "first", "random", NULL};
    const struct diff_line *balance = khap__diff_effective(side, section, "balance"),
                           *hash = khap__diff_effective(side, section, "hash-type");
    if (balance == NULL)
        return true;
    if (balance->n <= balance->first || !balance->sure || balance->variable || (hash != NULL && !hash->sure))
        return false;
    struct khap_str algorithm = balance->words[balance->first];
    for (size_t i = 0; always[i] != NULL; i++)
        if (is(algorithm, always[i]))
            return true;
    return khap__str_starts(algorithm, S("random(")) ||
           (!is(algorithm, "static-rr") && says(hash, "consistent"));
}

static bool name_key(struct buf *key, struct khap_str backend, struct khap_str name)
{
    size_t slash = khap__str_find(name, '/');
    khap__buf_clear(key);
    if (slash == name.len) {
        khap__buf_add(key, backend);
        khap__buf_char(key, '/');
    }
    khap__buf_add(key, name);
    return !key->failed;
}

/* The servers that the configuration as it was has: 1 for those that another line names. */
static enum khap_status read_names(struct khap_diff *d, struct buf *key)
{
    enum khap_status status = KHAP_OK;
    for (uint32_t i = 0; i < d->before.lines.len && status == KHAP_OK; i++) {
        const struct diff_line *line = &d->before.lines.ptr[i];
        struct khap_str backend = d->before.sections.ptr[line->section].name;
        bool found, server = is_line(line, "server"), use = is_line(line, "use-server");
        uint32_t old;
        if ((!server && !use) || line->n <= line->first)
            continue;
        if (!name_key(key, backend, line->words[line->first]))
            return KHAP_ENOMEM;
        status = use ? khap__map_set(&d->servers, khap__diff_keep(d, khap__buf_str(key)), 1)
                     : khap__map_add(&d->servers, khap__diff_keep(d, khap__buf_str(key)), 0, &found, &old);
        for (uint32_t k = line->first + 2; server && k + 1 < line->n && status == KHAP_OK; k++) {
            if (!is(line->words[k], "track"))
                continue;
            if (!name_key(key, backend, line->words[k + 1]))
                return KHAP_ENOMEM;
            status = khap__map_set(&d->servers, khap__diff_keep(d, khap__buf_str(key)), 1);
        }
    }
    return d->status != KHAP_OK ? d->status : status;
}

/* Whether it was there, and whether another line named it. */
static bool was_there(struct khap_diff *d, struct khap_str backend, struct khap_str name, bool *named)
{
    struct buf key;
    uint32_t value = 0;
    khap__buf_init(&key, &d->alloc);
    if (!d->servers_read)
        d->status = read_names(d, &key);
    d->servers_read = true;
    if (d->status == KHAP_OK && !name_key(&key, backend, name))
        d->status = KHAP_ENOMEM;
    bool found = d->status == KHAP_OK && khap__map_get(&d->servers, khap__buf_str(&key), &value);
    khap__buf_free(&key);
    *named = value == 1;
    return found;
}

/* ---- plans: NULL when there is one, else why there is none */

static const char cannot_stand[] = "its words cannot stand in a command";

static bool address_of(const struct diff_line *line, struct address *a)
{
    return khap__address_parse(line->words[line->first + 1], a) == VALUE_OK &&
           (a->family == ADDRESS_V4 || a->family == ADDRESS_V6) && !a->variable && a->prefix == PREFIX_NONE;
}

static bool tell(struct khap_diff *d, enum diff_phase phase, const struct khap_change *change,
                 const struct diff_line *line, const char *command, const char *what, struct khap_str value)
{
    struct diff_command c;
    khap__command_begin(&c, d, phase, command);
    khap__command_server(&c, change->name, line->words[line->first]);
    khap__command_words(&c, what);
    if (value.len > 0)
        khap__command_word(&c, value);
    return khap__command_end(&c);
}

static const char *plan_address(struct khap_diff *d, const struct khap_change *change,
                                const struct diff_line *line)
{
    struct address a;
    if (!address_of(line, &a) || !a.has_port || a.relative_port || a.port == 0 || a.port != a.port_last)
        return "its address is looked up when HAProxy starts";
    char room[KHAP__IP_TEXT], digits[20];
    struct khap_str ip = {room, a.family == ADDRESS_V4 ? khap__ipv4_print(room, a.ip)
                                                       : khap__ipv6_print(room, a.ip)};
    struct diff_command c;
    khap__command_begin(&c, d, PHASE_NEW, "set server");
    khap__command_server(&c, change->name, line->words[line->first]);
    khap__command_words(&c, "addr");
    khap__command_word(&c, ip);
    khap__command_words(&c, "port");
    khap__command_word(&c, khap__str_uint(digits, a.port));
    return khap__command_end(&c) ? NULL : cannot_stand;
}

static bool same_words(const struct server *a, const struct server *b)
{
    bool same = a->beside.len == b->beside.len;
    for (uint32_t i = 0; same && i < a->beside.len; i++)
        same = khap__str_eq(a->beside.ptr[i], b->beside.ptr[i]);
    return same;
}

static const char *plan_changed(struct khap_diff *d, const struct khap_change *change,
                                const struct diff_line *before, const struct diff_line *after,
                                const struct server *was, const struct server *now)
{
    const char *why = NULL;
    if (!same_words(was, now))
        return "an option of the server is read when HAProxy starts";
    if (!khap__str_eq(before->words[before->first + 1], after->words[after->first + 1]))
        why = plan_address(d, change, after);
    if (why == NULL && !khap__str_eq(was->weight, now->weight)) {
        if (now->agent)
            return "its agent says how much of the weight holds that it had when HAProxy started";
        if (!is_dynamic(&d->before, before->section))
            return "the algorithm of its backend takes weights when HAProxy starts";
        if (!tell(d, PHASE_NEW, change, after, "set server", "weight", now->weight))
            why = cannot_stand;
    }
    if (why == NULL && !khap__str_eq(was->maxconn, now->maxconn)) {
        if (was->maxconn.len == 0 || now->maxconn.len == 0)
            return "`maxconn` comes and goes with a reload";
        if (!tell(d, PHASE_NEW, change, after, "set maxconn server", "", now->maxconn))
            why = cannot_stand;
    }
    if (why == NULL && was->disabled != now->disabled &&
        !tell(d, PHASE_NEW, change, after, "set server", now->disabled ? "state maint" : "state ready",
              S("")))
        why = cannot_stand;
    return why;
}

/*
 * It begins in maintenance. With checks it is to be down until one was good: from 3.1 on it can be told so; before, and with an
 * agent, which would be down with it, it has no weight until it was set down, because it comes out of maintenance as one that is up. In a backend
 * that is new, too, nobody else would answer meanwhile: there it begins as at a start, up until a check fails.
 */
static const char *plan_new(struct khap_diff *d, const struct khap_change *change,
                            const struct diff_line *line, const struct server *s)
{
    const struct diff_line *cookie = khap__diff_effective(&d->after, line->section, "cookie");
    struct address a;
    struct diff_command c;
    bool alone = d->after.sections.ptr[line->section].twin == DIFF_NONE;
    bool named, told_down = s->check && !s->disabled && !s->init_state && !alone &&
                            (s->agent || d->target.first < KHAP_RELEASE(3, 1));
    if (!is_dynamic(&d->after, line->section))
        return "the algorithm of its backend takes servers when HAProxy starts";
    if (s->unknown)
        return "not all that it says can be said in a command";
    if (!address_of(line, &a) || a.relative_port)
        return "its address is looked up when HAProxy starts";
    if (s->track.len > 0 && !was_there(d, change->name, s->track, &named))
        return "what it tracks is new, too";
    khap__command_begin(&c, d, PHASE_NEW, "add server");
    khap__command_server(&c, change->name, line->words[line->first]);
    khap__command_word(&c, line->words[line->first + 1]);
    for (uint32_t i = 0; i < s->words.len; i++)
        khap__command_word(&c, s->words.ptr[i]);
    /* what a server that is there at the start checks by itself in the way of its requests */
    if (s->check && !s->elsewhere && s->ssl && !s->check_ssl)
        khap__command_words(&c, "check-ssl");
    if (s->check && !s->elsewhere && s->proxy && !s->check_proxy)
        khap__command_words(&c, "check-send-proxy");
    if (told_down)
        khap__command_words(&c, "weight 0");
    else if (s->check && !s->init_state && d->target.first >= KHAP_RELEASE(3, 1))
        khap__command_words(&c, alone ? "init-state up" : "init-state down");
    bool good = khap__command_end(&c);
    if (good && d->target.first < KHAP_RELEASE(3, 0) && says(cookie, "dynamic")) {
        khap__command_begin(&c, d, PHASE_NEW, "enable dynamic-cookie backend");
        khap__command_word(&c, change->name);
        good = khap__command_end(&c);
    }
    if (good && s->check)
        good = tell(d, PHASE_NEW, change, line, "enable health", "", S(""));
    if (good && s->agent)
        good = tell(d, PHASE_NEW, change, line, "enable agent", "", S("")) &&
               (!told_down || tell(d, PHASE_NEW, change, line, "set server", "agent up", S("")));
    if (good && !s->disabled)
        good = tell(d, PHASE_NEW, change, line, "enable server", "", S(""));
    if (good && told_down)
        good = tell(d, PHASE_NEW, change, line, "set server", "health down", S("")) &&
               tell(d, PHASE_NEW, change, line, "set server", "weight", s->weight);
    return good ? NULL : cannot_stand;
}

/* It goes last: nothing may lead to it any more, and its connections have to end. */
static const char *plan_gone(struct khap_diff *d, const struct khap_change *change,
                             const struct diff_line *line)
{
    bool named;
    if (!is_dynamic(&d->before, line->section))
        return "the algorithm of its backend keeps its servers until a reload";
    if (!was_there(d, change->name, line->words[line->first], &named) || named)
        return "another line names it";
    bool good = tell(d, PHASE_LEAVE, change, line, "set server", "state maint", S(""));
    if (good && d->target.first >= KHAP_RELEASE(3, 0))
        good = tell(d, PHASE_WAIT, change, line, "wait 5s srv-removable", "", S(""));
    good = good && tell(d, PHASE_GONE, change, line, "del server", "", S(""));
    if (good)
        d->commands.ptr[d->commands.len - 1].is.repeat = 1;
    return good ? NULL : cannot_stand;
}

static bool is_known(const struct diff_line *line)
{
    return line == NULL || (!line->variable && line->sure && line->n >= line->first + 2);
}

const char *khap__plan_server(struct khap_diff *d, const struct khap_change *change,
                              const struct diff_line *before, const struct diff_line *after)
{
    struct server was = {.unknown = false}, now = {.unknown = false};
    const char *why;
    if (!is_known(before) || !is_known(after))
        return "it is not all known";
    if ((before == NULL || after == NULL) && d->target.first < KHAP_RELEASE(2, 6))
        return "servers come and go with a reload before 2.6";
    if (before != NULL)
        read_server(d, &d->before, before, &was);
    if (after != NULL)
        read_server(d, &d->after, after, &now);
    if (before == NULL)
        why = plan_new(d, change, after, &now);
    else if (after == NULL)
        why = plan_gone(d, change, before);
    else
        why = plan_changed(d, change, before, after, &was, &now);
    free_server(d, &was);
    free_server(d, &now);
    return why;
}

/* Lines of the file's own defaults that would reach into our sections, and what takes them back there.
 * SPDX-License-Identifier: MIT */
#include "gen/gen.h"

#include "gen/into.h"

enum { FRONT = 1, BACK = 2, TCP = 4, HTTP = 8, BOTH = TCP | HTTP };

struct inherited {
    char words[52];        /* how the line begins */
    uint8_t where;         /* sections of ours that it would change, or that HAProxy would warn of */
    uint16_t since, until; /* releases that know what takes it back; until 0: the newest */
    char back[52]; /* "no": that before the words; who knows these knows it. Empty: nothing takes it back */
};

/* What is not here either does no harm (a limit, a page for errors, a log tag), or is said by our sections anyway. */
static const struct inherited inherited[] = {
    /* without these a request may name two hosts */
    {"option accept-invalid-http-request", FRONT | BOTH, 0, R(3, 0), "no"},
    {"option accept-invalid-http-request", FRONT | BOTH, R(3, 1), 0,
     "no option accept-unsafe-violations-in-http-request"},
    {"option accept-unsafe-violations-in-http-request", FRONT | BOTH, 0, 0, "no"},
    {"option accept-invalid-http-response", BACK | BOTH, 0, R(3, 1), "no"},
    {"option accept-invalid-http-response", BACK | BOTH, R(3, 2), 0,
     "no option accept-unsafe-violations-in-http-response"},
    {"option accept-unsafe-violations-in-http-response", BACK | BOTH, 0, 0, "no"},
    /* where requests go */
    {"option http_proxy", FRONT | BACK | BOTH, 0, 0, "no"},
    {"option transparent", BACK | BOTH, 0, 0, "no"},
    {"option persist", BACK | BOTH, 0, 0, "no"},
    {"option allbackups", BACK | BOTH, 0, 0, "no"},
    {"option checkcache", BACK | BOTH, 0, 0, "no"},
    {"hash-type", BACK | BOTH, R(1, 5), 0, "hash-type map-based"},
    {"http-reuse", BACK | HTTP, R(1, 6), 0, "http-reuse safe"},
    {"retry-on", BACK | HTTP, R(2, 0), 0, "retry-on conn-failure"},
    {"monitor-uri", FRONT | BOTH, 0, 0, ""},
    {"monitor-net", FRONT | BOTH, 0, 0, ""},
    {"stats", FRONT | BACK | BOTH, 0, 0, ""},
    {"cookie", BACK | BOTH, 0, 0, ""},
    /* of no use in mode tcp, and HAProxy says so of each section */
    {"option disable-h2-upgrade", FRONT | TCP, 0, 0, "no"},
    {"option forwarded", BACK | TCP, 0, 0, "no"},
    {"option h1-case-adjust-bogus-client", FRONT | TCP, 0, 0, "no"},
    {"option h1-case-adjust-bogus-server", BACK | TCP, 0, 0, "no"},
    {"option http-buffer-request", FRONT | BACK | TCP, 0, 0, "no"},
    {"option http-drop-request-trailers", BACK | TCP, 0, 0, "no"},
    {"option http-drop-response-trailers", FRONT | TCP, 0, 0, "no"},
    {"option http-ignore-probes", FRONT | TCP, 0, 0, "no"},
    {"option http-no-delay", FRONT | BACK | TCP, 0, 0, "no"},
    {"option http-pretend-keepalive", BACK | TCP, 0, 0, "no"},
    {"option http-use-proxy-header", FRONT | TCP, 0, 0, "no"},
    {"option idle-close-on-response", FRONT | TCP, 0, 0, "no"},
    {"option prefer-last-server", BACK | TCP, 0, 0, "no"},
};
enum { ROWS = sizeof inherited / sizeof *inherited };
_Static_assert(ROWS <= 64, "a bit each");

/* Words of default-server. What a server of ours may say itself is not here. */
struct server_word {
    char word[24], back[24];
};
static const struct server_word server_words[] = {
    {"check", "no-check"},
    {"ssl", "no-ssl"},
    {"check-ssl", "no-check-ssl"},
    {"send-proxy", "no-send-proxy"},
    {"send-proxy-v2", "no-send-proxy-v2"},
    {"send-proxy-v2-ssl", "no-send-proxy-v2-ssl"},
    {"send-proxy-v2-ssl-cn", "no-send-proxy-v2-ssl-cn"},
    {"check-send-proxy", "no-check-send-proxy"},
    {"backup", "no-backup"},
    {"agent-check", "no-agent-check"},
    {"disabled", "enabled"},
    {"addr", ""},
    {"agent-addr", ""},
    {"agent-send", ""},
    {"alpn", ""},
    {"check-alpn", ""},
    {"check-proto", ""},
    {"check-sni", ""},
    {"check-via-socks4", ""},
    {"port", ""},
    {"proto", ""},
    {"redir", ""},
    {"sni", ""},
    {"socks4", ""},
    {"track", ""},
};
enum { SERVER_WORDS = sizeof server_words / sizeof *server_words };
_Static_assert(SERVER_WORDS <= 32, "a bit each");

/* Whether the line begins with these words. */
static bool begins(const struct khap_words *words, struct khap_str with)
{
    for (size_t i = 0; with.len > 0; i++) {
        size_t end = khap__str_find(with, ' ');
        if (!khap__str_eq(khap_words_value(words, i), khap__str_sub(with, 0, end)))
            return false;
        with = khap__str_sub(with, end + 1, with.len);
    }
    return true;
}

static bool known(const struct khap_target *target, const struct inherited *row)
{
    return row->back[0] != '\0' && target->first >= row->since &&
           (row->until == 0 || target->last <= row->until);
}

static void refuse(struct defaults_facts *facts, struct khap_place place, const char *words)
{
    if (facts->stays.len > 0)
        return;
    facts->stays_place = place;
    facts->stays = khap__str(words);
}

static void read_server_words(const struct khap_words *words, struct khap_place line,
                              struct defaults_facts *facts)
{
    struct khap_word word = {.size = sizeof word};
    for (size_t i = 1; khap_words_at(words, i, &word) == KHAP_OK; i++) {
        struct khap_place place = {line.source, line.offset + word.offset, (uint32_t)word.raw.len};
        for (uint32_t bit = 0; bit < SERVER_WORDS; bit++) {
            if (!khap__str_eq(word.value, khap__str(server_words[bit].word)))
                continue;
            if (server_words[bit].back[0] == '\0')
                refuse(facts, place, server_words[bit].word);
            facts->server_words |= UINT32_C(1) << bit;
        }
    }
}

void khap__inherited_read(const struct khap_target *target, const struct khap_words *words,
                          struct khap_place line, struct khap_place text, struct defaults_facts *facts)
{
    const struct inherited *met = NULL;
    bool can = false;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (!begins(words, khap__str(inherited[i].words)))
            continue;
        met = &inherited[i];
        if (known(target, met)) {
            can = true;
            facts->inherited |= UINT64_C(1) << i;
        }
    }
    if (met && !can && (met->where & HTTP))
        refuse(facts, text, met->words);
    if (khap__str_eq(khap_words_value(words, 0), S("default-server")))
        read_server_words(words, line, facts);
}

/* A line of its own takes it back, too. */
static bool says(const struct service *s, const struct inherited *row)
{
    return s && ((s->hash_by != HASH_NONE && strcmp(row->words, "hash-type") == 0) ||
                 (s->retry_on && s->retry_on->n_children > 0 && strcmp(row->words, "retry-on") == 0));
}

void khap__gen_taken_back(struct gen *g, bool frontend, bool tcp, const struct service *s,
                          struct khap_place place)
{
    uint8_t side = frontend ? FRONT : BACK, mode = tcp ? TCP : HTTP;
    for (uint32_t i = 0; g->into && i < ROWS; i++) {
        const struct inherited *row = &inherited[i];
        if (!(g->into->here.inherited >> i & 1u) || !(row->where & side) || !(row->where & mode) ||
            says(s, row))
            continue;
        khap__doc_begin(g->doc, 4, place);
        if (strcmp(row->back, "no") == 0) {
            khap__doc_lit(g->doc, "no");
            khap__doc_lit_n(g->doc, row->words, strlen(row->words));
        } else {
            khap__doc_lit_n(g->doc, row->back, strlen(row->back));
        }
        khap__doc_end(g->doc);
    }
}

void khap__gen_default_server(struct gen *g, const struct service *s)
{
    uint32_t words = g->into ? g->into->here.server_words : 0;
    for (uint32_t bit = 0; gen_from(g, R(1, 8)) && bit < SERVER_WORDS; bit++) {
        /* an agent that is wanted is not taken back before it is asked for again */
        if (s && s->agent.port > 0 && strcmp(server_words[bit].word, "agent-check") == 0)
            continue;
        if (words >> bit & 1u)
            khap__doc_lit_n(g->doc, server_words[bit].back, strlen(server_words[bit].back));
    }
}

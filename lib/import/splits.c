/* import/splits.c - services that share requests, as khapgen writes them. SPDX-License-Identifier: MIT */
#include "config.h"

#include "import/import.h"

#define MARK "khap-split"
#define SPAN UINT64_C(1000000000) /* numbers that are drawn in a bundle */
enum { MOST_TOTAL = 4000000, DIGITS = 9, DECIDER_WORDS = 6, DECIDERS = 4 };

/* "khap-split:web", "khap-split-2:web": of its second route with a split. */
static bool split_name(struct khap_str text, struct khap_str *service, uint32_t *number)
{
    *number = 0;
    if (!khap__str_starts(text, S(MARK)))
        return false;
    text = khap__str_sub(text, sizeof MARK - 1, text.len);
    size_t colon = khap__str_find(text, ':');
    *service = khap__str_sub(text, colon + 1, text.len);
    return colon < text.len && service->len > 0 &&
           (colon == 0 || (text.ptr[0] == '-' &&
                           khap__import_number(khap__str_sub(text, 1, colon - 1), UINT32_MAX, number)));
}

/* Its index and 1; 0: no memory. */
static uint32_t find_split(struct import *im, struct khap_str service, uint32_t number, uint32_t line)
{
    for (uint32_t i = 0; i < im->splits.len; i++) {
        if (im->splits.ptr[i].number == number && khap__str_eq(im->splits.ptr[i].service, service))
            return i + 1;
    }
    struct import_split split = {.service = service, .number = number, .line = line};
    if (!VEC_PUSH(&im->alloc, &im->splits, split))
        khap__import_fail(im, KHAP_ENOMEM);
    return im->failure == KHAP_OK ? im->splits.len : 0;
}

static void add_share(struct import *im, struct import_split *split, struct khap_str backend, uint64_t weight)
{
    struct import_share share = {backend, (uint32_t)weight};
    if (!VEC_PUSH(&im->alloc, &split->shares, share))
        khap__import_fail(im, KHAP_ENOMEM);
}

struct import_service *khap__import_target(struct import *im, struct khap_str value, uint32_t section,
                                           struct import_route *route)
{
    struct khap_str name = value;
    uint32_t number;
    if (im->ours && khap__import_mark_of(value, &name, &route->mark))
        name = khap__str_sub(value, 0, khap__str_find(value, '/'));
    if (!im->ours || !split_name(name, &name, &number))
        return khap__import_service(im, name);
    route->split = find_split(im, name, number, im->in.sections.ptr[section].first);
    struct import_service *owner = khap__import_service(im, name);
    struct import_service service = {.name = name, .section = section, .split_only = true};
    if (owner != NULL || route->split == 0)
        return owner;
    if (!VEC_PUSH(&im->alloc, &im->services, service)) {
        khap__import_fail(im, KHAP_ENOMEM);
        return NULL;
    }
    return &im->services.ptr[im->services.len - 1];
}

/* ---- as rules ---- */

struct share_acl {
    struct khap_str service;
    uint32_t number, share, word;
};

/* "khap-split:SERVICE:NUMBER:SHARE" */
static bool acl_name(struct khap_str text, struct share_acl *out)
{
    uint32_t *const numbers[] = {&out->share, &out->number};
    if (!khap__str_starts(text, S(MARK ":")))
        return false;
    text = khap__str_sub(text, sizeof MARK, text.len);
    for (size_t i = 0; i < 2; i++) {
        size_t colon = text.len;
        while (colon > 0 && text.ptr[colon - 1] != ':')
            colon--;
        if (colon == 0 || !khap__import_number(khap__str_sub(text, colon, text.len), UINT32_MAX, numbers[i]))
            return false;
        text.len = colon - 1;
    }
    out->service = text;
    return true;
}

/* The line `at` of the same section when it is a rule under an ACL of a split. */
static const struct import_line *split_line(const struct import *im, uint32_t section, uint32_t at,
                                            struct share_acl *acl)
{
    const struct import_section *s = &im->in.sections.ptr[section];
    const struct import_line *line = &im->in.lines.ptr[at];
    if (at < s->first || at >= s->end || !word_is(line, 0, "use_backend") || line->n < 4)
        return NULL;
    acl->word = line->n - 1;
    return acl_name(line->words[acl->word], acl) ? line : NULL;
}

/* "%[str(khap-split:web),concat(/,txn.draw),…]" */
static bool map_line(const struct import_line *line, struct khap_str *name)
{
    struct khap_str word = word_at(line, 1), begin = S("%[str(");
    if (!word_is(line, 0, "use_backend") || !khap__str_starts(word, begin))
        return false;
    word = khap__str_sub(word, begin.len, word.len);
    *name = khap__str_sub(word, 0, khap__str_find(word, ')'));
    return khap__str_starts(*name, S(MARK));
}

/* `acl NAME rand(LEFT) lt WEIGHT`, all of a split; what they leave is the last share's. */
static uint32_t read_acls(struct import *im, uint32_t section, const struct share_acl *of, uint64_t *left,
                          uint32_t share, uint32_t *weight)
{
    const struct import_section *s = &im->in.sections.ptr[section];
    uint32_t n = 0;
    for (uint32_t i = s->first; i < s->end; i++) {
        struct import_line *line = &im->in.lines.ptr[i];
        struct share_acl acl;
        uint32_t total, one;
        struct khap_str draw = word_at(line, 2);
        if (!word_is(line, 0, "acl") || line->n != 5 || !acl_name(line->words[1], &acl) ||
            acl.number != of->number || !khap__str_eq(acl.service, of->service) ||
            !khap__str_starts(draw, S("rand(")) ||
            !khap__import_number(khap__str_sub(draw, 5, draw.len - 6), UINT32_MAX, &total) ||
            !khap__import_number(line->words[4], UINT32_MAX, &one))
            continue;
        if (acl.share == 0)
            *left = total;
        if (acl.share == share)
            *weight = one;
        *left -= one < *left ? one : *left;
        line->state = LINE_CLAIMED;
        n++;
    }
    return n;
}

/* { req.fhdr(NAME) -m str always } as the last words of a rule. */
static bool decider(const struct import_line *line, struct khap_str *name, bool *cookie, bool *always)
{
    uint32_t at = line->n - DECIDER_WORDS;
    if (!word_is(line, 0, "use_backend") || line->n < DECIDER_WORDS + 3 || !word_is(line, at, "{") ||
        !word_is(line, at + 2, "-m") || !word_is(line, at + 3, "str"))
        return false;
    struct khap_str fetch = line->words[at + 1];
    *cookie = khap__str_starts(fetch, S("req.cook("));
    *always = word_is(line, at + 4, "always");
    *name = khap__str_sub(fetch, 9, fetch.len > 10 ? fetch.len - 10 : 0);
    return (*cookie || khap__str_starts(fetch, S("req.fhdr("))) &&
           (*always || word_is(line, at + 4, "never"));
}

/* Whether the first `n` words of a rule are all of another one, but for the backends; `if` goes with the last condition. */
static bool same_rest(const struct import_line *rule, uint32_t n, const struct import_line *other, uint32_t m)
{
    bool same = n == m || (n == 3 && m == 2);
    for (uint32_t i = 2; i < n && i < m && same; i++)
        same = khap__str_eq(rule->words[i], other->words[i]);
    return same;
}

/* What follows a decider tells whose it is. */
static uint32_t decided_split(struct import *im, const struct import_line *line, uint32_t at)
{
    const struct import_section *s = &im->in.sections.ptr[line->section];
    struct khap_str name;
    uint32_t number;
    bool flags[2];
    if (word_is(line, 3, "{") && khap__str_starts(line->words[4], S("var(txn.backend)")))
        return split_name(word_at(line, 7), &name, &number) ? find_split(im, name, number, at) : 0;
    for (uint32_t i = at + 1; i < s->end && i <= at + DECIDERS; i++) {
        const struct import_line *next = &im->in.lines.ptr[i];
        struct share_acl acl;
        if (split_line(im, line->section, i, &acl) != NULL)
            return same_rest(line, line->n - DECIDER_WORDS, next, next->n - 1)
                       ? find_split(im, acl.service, acl.number, i)
                       : 0;
        if (map_line(next, &name))
            return line->n == DECIDER_WORDS + 3 && split_name(name, &name, &number)
                       ? find_split(im, name, number, i)
                       : 0;
        if (!decider(next, &name, &flags[0], &flags[1]))
            return 0;
    }
    return 0;
}

enum split_rule khap__import_split_rule(struct import *im, uint32_t at, struct khap_str *value)
{
    struct import_line *line = &im->in.lines.ptr[at];
    struct share_acl acl;
    struct khap_str name;
    bool cookie, always;
    uint64_t left = 0;
    uint32_t weight = 0, index;
    if (!im->ours || line->variable)
        return SPLIT_NONE;
    if (map_line(line, &name)) {
        line->state = LINE_CLAIMED;
        return SPLIT_PART;
    }
    if (split_line(im, line->section, at, &acl) != NULL) {
        (void)read_acls(im, line->section, &acl, &left, acl.share, &weight);
        index = find_split(im, acl.service, acl.number, at);
        if (index > 0 && im->splits.ptr[index - 1].shares.len == acl.share)
            add_share(im, &im->splits.ptr[index - 1], line->words[1], weight);
        line->state = LINE_CLAIMED;
        return SPLIT_PART;
    }
    if (decider(line, &name, &cookie, &always) && (index = decided_split(im, line, at)) > 0) {
        struct import_split *split = &im->splits.ptr[index - 1];
        *(cookie ? &split->cookie : &split->header) = name;
        if (always)
            split->canary = line->words[1];
        line->state = LINE_CLAIMED;
        return SPLIT_PART;
    }
    const struct import_line *before = at > 0 ? split_line(im, line->section, at - 1, &acl) : NULL;
    if (before != NULL && same_rest(before, before->n - 1, line, line->n) &&
        acl.share + 1 == read_acls(im, line->section, &acl, &left, 0, &weight)) {
        index = find_split(im, acl.service, acl.number, at);
        if (index > 0 && im->splits.ptr[index - 1].shares.len == acl.share + 1)
            add_share(im, &im->splits.ptr[index - 1], line->words[1], left);
        char room[20];
        *value = acl.number == 0
                     ? S(MARK)
                     : khap__import_join(im, S(MARK "-"), khap__str_uint(room, acl.number), S(""));
        *value = khap__import_join(im, *value, S(":"), acl.service);
        return SPLIT_LAST;
    }
    if (at > 0 && word_is(line, 0, "default_backend") && map_line(line - 1, value))
        return SPLIT_LAST;
    return SPLIT_NONE;
}

/* ---- as a map ---- */

/* The smallest weights that have these boundaries. */
static void reduce(struct import_split *split)
{
    uint64_t total = 1;
    for (; total < MOST_TOTAL; total++) {
        uint64_t upto = 0;
        bool fits = true;
        for (uint32_t i = 0; i < split->shares.len && fits; i++) {
            upto += split->shares.ptr[i].weight;
            fits = (upto * total + SPAN - 1) / SPAN * SPAN / total == upto;
        }
        if (fits)
            break;
    }
    uint64_t upto = 0, before = 0;
    for (uint32_t i = 0; i < split->shares.len; i++) {
        upto += split->shares.ptr[i].weight;
        uint64_t parts = (upto * total + SPAN - 1) / SPAN;
        split->shares.ptr[i].weight = (uint32_t)(parts - before);
        before = parts;
    }
}

static void add_range(struct import *im, struct import_split *split, struct khap_str backend, uint64_t size)
{
    uint32_t n = split->shares.len;
    if (size > 0 && n > 0 && khap__str_eq(split->shares.ptr[n - 1].backend, backend))
        split->shares.ptr[n - 1].weight += (uint32_t)size;
    else if (size > 0)
        add_share(im, split, backend, size);
}

/* "khap-split:web/1DIGITS BACKEND", from low to high; the first one, without digits, has what they leave. */
void khap__import_split_map(struct import *im, uint32_t section, struct khap_str text)
{
    struct khap_str largest = {"", 0}, key, value, current = {"", 0};
    struct import_split *split = NULL;
    uint64_t at = 0;
    for (bool more = true; more && im->failure == KHAP_OK;) {
        more = khap__import_entry(&text, &key, &value);
        size_t slash = more ? khap__str_find(key, '/') : 0;
        struct khap_str name = khap__str_sub(key, 0, slash), service;
        if (split != NULL && (!more || !khap__str_eq(name, current))) {
            add_range(im, split, largest, SPAN - at);
            reduce(split);
            split = NULL;
        }
        uint32_t number, index;
        if (!more || !split_name(name, &service, &number))
            continue;
        if (!khap__str_eq(name, current)) {
            current = name;
            largest = value;
            at = 0;
            index = find_split(im, service, number, im->in.sections.ptr[section].first);
            if (index > 0 && im->splits.ptr[index - 1].shares.len == 0) /* else another frontend had it */
                split = &im->splits.ptr[index - 1];
        }
        struct khap_str digits = khap__str_sub(key, slash + 2, key.len);
        uint64_t from = 0, unit = SPAN;
        for (size_t i = 0; i < digits.len && i < DIGITS; i++) {
            unit /= 10;
            from += unit * (uint64_t)(digits.ptr[i] - '0');
        }
        if (split == NULL || digits.len == 0 || from < at || from + unit > SPAN)
            continue;
        add_range(im, split, largest, from - at);
        add_range(im, split, value, unit);
        at = from + unit;
    }
}

/* ---- who answers on https ---- */

bool khap__import_to_https(const struct import_line *line)
{
    return khap__import_begins(line, "http-request redirect prefix") > 0 &&
           khap__str_starts(word_at(line, 3), S("https://%[var(txn.host)]")) && word_is(line, 5, "308") &&
           word_is(line, 6, "if") && word_is(line, 7, "!{") && word_is(line, 8, "ssl_fc");
}

static bool sends_to_https(const struct import *im, const struct import_service *service, bool *only)
{
    const struct import_section *s = &im->in.sections.ptr[service->section];
    bool any = false;
    *only = true;
    for (uint32_t i = s->first + 1; i < s->end; i++) {
        const struct import_line *line = &im->in.lines.ptr[i];
        bool to_https = khap__import_to_https(line);
        if (word_is(line, 0, "server") ||
            (!to_https && word_is(line, 0, "http-request") &&
             khap__import_begins(line, "http-request deny deny_status 400") != line->n))
            *only = false;
        any = any || to_https;
    }
    return any && s->role == ROLE_BACKEND && !service->split_only && !s->raw;
}

/* A split of one share is told from no split only where the others of the service are redirected first. */
static uint32_t single_share(struct import *im, const struct import_service *service, struct khap_str backend,
                             uint32_t line)
{
    uint32_t number = 1;
    for (uint32_t i = 0; i < im->splits.len; i++) {
        const struct import_split *split = &im->splits.ptr[i];
        if (khap__str_eq(split->service, service->name) && split->number >= number)
            number = split->number + 1;
    }
    uint32_t index = find_split(im, service->name, number, line);
    if (index > 0)
        add_share(im, &im->splits.ptr[index - 1], backend, 1);
    return index;
}

static bool all_tls(const struct import *im, uint64_t bits, bool tls)
{
    bool all = true;
    for (uint32_t i = 0; i < im->fronts.len && all; i++)
        all = (bits >> i & 1) == 0 || im->fronts.ptr[i].tls == tls;
    return all;
}

/* Who has the same route on the frontends that end TLS. */
static void answered_by(struct import *im, struct import_service *service, struct import_route *route)
{
    for (uint32_t i = 0; i < im->services.len; i++) {
        struct import_service *other = &im->services.ptr[i];
        for (uint32_t k = 0; k < other->routes.len && other != service; k++) {
            struct import_route *theirs = &other->routes.ptr[k];
            if (!khap__import_same_route(theirs, route) || !all_tls(im, theirs->frontends, true) ||
                !all_tls(im, route->frontends, false) ||
                (service->leads_to.len > 0 && !khap__str_eq(service->leads_to, other->name)))
                continue;
            if (service->redirects)
                service->leads_to = other->name;
            else if (im->in.sections.ptr[other->section].raw)
                route->backend = other->name;
            else
                route->split = single_share(im, service, other->name, route->line);
            route->frontends |= theirs->frontends;
            other->routes.ptr[k] = other->routes.ptr[--other->routes.len];
            return;
        }
    }
}

void khap__import_redirects(struct import *im)
{
    for (uint32_t i = 0; im->ours && i < im->services.len; i++) {
        struct import_service *service = &im->services.ptr[i];
        bool only;
        if (!sends_to_https(im, service, &only))
            continue;
        service->redirects = only;
        service->needed = service->needed || only;
        for (uint32_t k = 0; k < service->routes.len; k++) {
            if (service->routes.ptr[k].split == 0)
                answered_by(im, service, &service->routes.ptr[k]);
        }
    }
}

/* ---- as keys ---- */

struct khap_str khap__import_service_name(struct import *im, struct khap_str backend)
{
    const struct import_service *service = khap__import_service(im, backend);
    if (service == NULL || service->split_only || !im->in.sections.ptr[service->section].raw)
        return backend;
    for (uint32_t i = 0; i < im->services.len; i++) {
        if (im->services.ptr[i].redirects && khap__str_eq(im->services.ptr[i].leads_to, backend))
            return im->services.ptr[i].name;
    }
    return khap__import_join(im, backend, S("-route"), S(""));
}

/* Which service never gets a request is not to be seen, and does not matter. */
static struct khap_str canary_of(const struct import *im, const struct import_split *split)
{
    for (uint32_t i = 0; i < split->shares.len; i++) {
        if (!khap__str_eq(split->shares.ptr[i].backend, split->service))
            return split->shares.ptr[i].backend;
    }
    struct khap_str any = split->canary;
    for (uint32_t i = 0; split->canary.len == 0 && i < im->services.len; i++) {
        const struct import_service *service = &im->services.ptr[i];
        bool may = !service->shared && !service->tcp && !service->split_only && !service->redirects &&
                   !im->in.sections.ptr[service->section].raw && !khap__str_eq(service->name, split->service);
        if (may && (any.len == 0 || service->routes.len == 0))
            any = service->name;
    }
    return any;
}

void khap__import_share(struct import *im)
{
    for (uint32_t i = 0; i < im->splits.len; i++) {
        struct import_split *split = &im->splits.ptr[i];
        for (uint32_t k = 0; k < split->shares.len; k++) {
            struct import_service *service = khap__import_service(im, split->shares.ptr[k].backend);
            if (service != NULL)
                service->shared = true;
        }
    }
}

static bool set_canary(struct import *im, const struct import_split *split)
{
    struct khap_place place = im->in.lines.ptr[split->line].place;
    struct khap_str canary = canary_of(im, split), name = khap__import_service_name(im, canary);
    uint64_t total = 0, own = 0;
    char room[20];
    for (uint32_t i = 0; i < split->shares.len; i++) {
        total += split->shares.ptr[i].weight;
        own += khap__str_eq(split->shares.ptr[i].backend, canary) ? split->shares.ptr[i].weight : 0;
    }
    own = total > 0 ? own * 100 / total : 0;
    return canary.len > 0 &&
           khap__import_set_text(im, place, "services", name, "canary.of",
                                 khap__import_service_name(im, split->service)) &&
           (own == 0 ||
            khap__import_set(im, place, "services", name, "canary.weight", khap__str_uint(room, own))) &&
           (split->header.len == 0 ||
            khap__import_set_text(im, place, "services", name, "canary.header", split->header)) &&
           (split->cookie.len == 0 ||
            khap__import_set_text(im, place, "services", name, "canary.cookie", split->cookie));
}

static bool set_shares(struct import *im, const struct import_split *split, const char *key)
{
    bool good = true;
    for (uint32_t i = 0; i < split->shares.len && good; i++) {
        const struct import_share *share = &split->shares.ptr[i];
        struct khap_str name = khap__import_quote(im, khap__import_service_name(im, share->backend));
        char room[20];
        struct khap_str yaml = khap__import_join(im, S("{service: "), name, S(", weight: "));
        yaml = khap__import_join(im, share->weight == 1 ? khap__str_sub(yaml, 0, yaml.len - 10) : yaml,
                                 share->weight == 1 ? S("") : khap__str_uint(room, share->weight), S("}"));
        good =
            khap__import_set(im, im->in.lines.ptr[split->line].place, "services", split->service, key, yaml);
    }
    return good;
}

void khap__import_splits(struct import *im)
{
    for (uint32_t i = 0; i < im->splits.len && im->failure == KHAP_OK; i++) {
        const struct import_split *split = &im->splits.ptr[i];
        const struct import_service *owner = khap__import_service(im, split->service);
        bool good = owner != NULL && split->shares.len > 0;
        if (good && split->number == 0)
            good = owner->split_only || owner->redirects ? set_shares(im, split, "split.+")
                                                         : set_canary(im, split);
        for (uint32_t k = 0; good && split->number > 0 && k < owner->routes.len; k++) {
            char room[20];
            if (owner->routes.ptr[k].split != i + 1 || k < owner->n_hosts)
                continue;
            struct khap_str key =
                khap__import_join(im, S("routes."), khap__str_uint(room, khap__import_place(im, owner, k)),
                                  (struct khap_str){".split.+", 9});
            good = im->failure == KHAP_OK && set_shares(im, split, key.ptr);
        }
        if (!good)
            khap__import_stay(&im->in.sections.ptr[im->in.lines.ptr[split->line].section],
                              im->in.lines.ptr[split->line].text);
    }
    /* one that is answered by another service alone, under another name */
    for (uint32_t i = 0; i < im->services.len && im->failure == KHAP_OK; i++) {
        const struct import_service *service = &im->services.ptr[i];
        if (!service->redirects || service->leads_to.len == 0 || im->in.sections.ptr[service->section].raw)
            continue;
        const struct import_service *other = khap__import_service(im, service->leads_to);
        bool raw = im->in.sections.ptr[other->section].raw;
        struct khap_place place = im->in.lines.ptr[im->in.sections.ptr[service->section].first].place;
        if (raw)
            (void)khap__import_set_text(im, place, "services", service->name, "backend", service->leads_to);
        else
            (void)khap__import_set(
                im, place, "services", service->name, "split.+",
                khap__import_join(im, S("{service: "), khap__import_quote(im, other->name), S("}")));
    }
}

/* kube/pool.c - addresses for Services of type LoadBalancer that nobody gave one. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/gateway.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { BYTES = 16, MAPPED = 12, LARGEST_RANGE = 65536, LARGEST_POOL = 1 << 20, BITS = 128, V4_BITS = 32 };

struct range {
    unsigned char first[BYTES]; /* IPv4 as ::ffff:a.b.c.d */
    bool ipv6;
    uint32_t n;
};

/* ---- what is read */

static bool read_address(struct khap_str s, unsigned char to[BYTES])
{
    static const unsigned char mapped[MAPPED] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof text || !khap__kube_is_address(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    if (khap__kube_is_ipv6(s)) /* one that says an IPv4 address would be another family's in two spellings */
        return inet_pton(AF_INET6, text, to) == 1 && memcmp(to, mapped, sizeof mapped) != 0;
    memcpy(to, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, to + MAPPED) == 1;
}

static void add(unsigned char at[BYTES], uint32_t n)
{
    for (size_t i = BYTES; i > 0 && n > 0; i--) {
        n += at[i - 1];
        at[i - 1] = (unsigned char)(n & 0xff);
        n >>= 8;
    }
}

/* How far `b` stands behind `a`; `most` or more is as good as not at all. */
static uint32_t distance(const unsigned char a[BYTES], const unsigned char b[BYTES], uint32_t most)
{
    enum { COUNTED = 3 }; /* bytes that can hold less than `most` */
    unsigned char by[BYTES];
    unsigned borrow = 0;
    uint32_t n = 0;
    if (memcmp(a, b, BYTES) > 0)
        return most;
    for (size_t i = BYTES; i > 0; i--) {
        unsigned less = a[i - 1] + borrow;
        by[i - 1] = (unsigned char)((b[i - 1] - less) & 0xff);
        borrow = b[i - 1] < less;
    }
    for (size_t i = 0; i < BYTES; i++) {
        if (i < BYTES - COUNTED && by[i] != 0)
            return most;
        n = n << 8 | by[i];
    }
    return n < most ? n : most;
}

static bool read_prefix(struct khap_str address, struct khap_str length, struct range *r)
{
    uint32_t bits;
    if (!read_address(address, r->first) ||
        !khap__kube_number(length, 0, khap__kube_is_ipv6(address) ? BITS : V4_BITS, &bits))
        return false;
    bits += khap__kube_is_ipv6(address) ? 0 : BITS - V4_BITS;
    for (uint32_t bit = bits; bit < BITS; bit++) {
        if (r->first[bit / 8] & 0x80U >> bit % 8) /* 192.0.2.1/24 is an address, not a range */
            return false;
    }
    r->n = BITS - bits <= 16 ? 1U << (BITS - bits) : 0;
    return true;
}

/* ADDRESS, FIRST-LAST, NETWORK/BITS */
static bool read_range(struct khap_str s, struct range *r)
{
    const char *slash = memchr(s.ptr, '/', s.len), *dash = memchr(s.ptr, '-', s.len),
               *at = slash ? slash : dash;
    struct khap_str begin = {s.ptr, at ? (size_t)(at - s.ptr) : s.len};
    struct khap_str end = at ? khap__kube_rest(s, begin.len + 1) : begin;
    unsigned char last[BYTES];
    *r = (struct range){.ipv6 = khap__kube_is_ipv6(begin)};
    if (slash)
        return read_prefix(begin, end, r) && r->n > 0;
    if (!read_address(begin, r->first) || !read_address(end, last) || khap__kube_is_ipv6(end) != r->ipv6)
        return false;
    r->n = distance(r->first, last, LARGEST_RANGE) + 1;
    return r->n <= LARGEST_RANGE;
}

enum khap_status khap_kube_pool_check(struct khap_str range)
{
    struct range r;
    return range.ptr && read_range(range, &r) ? KHAP_OK : KHAP_EINPUT;
}

/* ---- what is given */

struct pool {
    struct range *ranges;
    size_t n;
    uint32_t total, left[2]; /* of both families; how many are free of IPv4, of IPv6 */
    unsigned char *taken;    /* one for each address, in the order of the ranges */
};

static void take(struct pool *p, struct khap_str address)
{
    unsigned char bytes[BYTES];
    uint32_t base = 0;
    if (!read_address(address, bytes))
        return;
    for (size_t i = 0; i < p->n; base += p->ranges[i++].n) {
        uint32_t at = distance(p->ranges[i].first, bytes, LARGEST_RANGE);
        if (at >= p->ranges[i].n)
            continue;
        p->left[p->ranges[i].ipv6] -= !p->taken[base + at];
        p->taken[base + at] = 1; /* ranges may overlap */
    }
}

/* Where the search begins says the name, so that what goes leaves the others where they are, also where no status remembers. */
static uint32_t begin_at(const struct object *o, uint32_t total)
{
    const struct khap_str parts[] = {o->ns, S("/"), o->name};
    uint32_t hash = 2166136261U;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
        for (size_t i = 0; i < parts[n].len; i++)
            hash = (hash ^ (unsigned char)parts[n].ptr[i]) * 16777619U;
    return hash % total;
}

static struct khap_str text_of(struct resolving *r, const struct pool *p, uint32_t at)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[BYTES];
    const struct range *range = p->ranges;
    for (; at >= range->n; range++)
        at -= range->n;
    memcpy(bytes, range->first, BYTES);
    add(bytes, at);
    (void)inet_ntop(range->ipv6 ? AF_INET6 : AF_INET, range->ipv6 ? bytes : bytes + MAPPED, text,
                    sizeof text);
    return khap__kube_copy(&r->memory, (struct khap_str){text, strlen(text)});
}

/* The next free one of a family. */
static bool find(const struct pool *p, uint32_t begin, bool ipv6, uint32_t *found)
{
    for (uint32_t i = 0; i < p->total && p->left[ipv6] > 0; i++) {
        uint32_t at = begin < p->total - i ? begin + i : begin - (p->total - i), of = at;
        const struct range *range = p->ranges;
        for (; of >= range->n; range++)
            of -= range->n;
        if (!p->taken[at] && range->ipv6 == ipv6) {
            *found = at;
            return true;
        }
    }
    return false;
}

static void give(struct resolving *r, struct pool *p, struct exposed *e)
{
    uint32_t at, begin = begin_at(e->o, p->total);
    bool ipv6 = e->o->as.service.ipv6;
    if (!find(p, begin, ipv6, &at) && !find(p, begin, !ipv6, &at))
        return;
    e->address = text_of(r, p, at);
    take(p, e->address);
}

static int earlier(const void *a, const void *b)
{
    return khap__kube_earlier((*(struct exposed *const *)a)->o, (*(struct exposed *const *)b)->o);
}

static void take_others(struct resolving *r, struct pool *p)
{
    size_t n;
    for (size_t i = 0; i < r->options.n_addresses; i++)
        take(p, r->options.addresses[i]);
    for (size_t i = 0; i < r->n_services; i++)
        take(p, r->services[i].address);
    const struct object **all = khap__kube_sorted(r->kube, KIND_GATEWAY, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        const struct tree *a = khap__kube_first(all[i]->as.spec, "addresses");
        for (; a; a = a->next)
            take(p, khap__kube_word(a, "value", S("")));
    }
}

/* A status that says where all of HAProxy is gives no address of one's own: hosts led there. */
static void forget_common(const struct resolving *r, struct exposed *e)
{
    for (size_t i = 0; i < r->options.n_addresses; i++) {
        if (e->own_port && e->o->as.service.load_balancer_ip.len == 0 &&
            khap__kube_same(e->address, r->options.addresses[i]))
            e->address = S("");
    }
}

void khap__kube_give_addresses(struct resolving *r)
{
    struct pool p = {.ranges = khap__kube_take(&r->memory, r->options.n_pool + 1, sizeof *p.ranges)};
    struct exposed **all = khap__kube_take(&r->memory, r->n_services + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; p.ranges && i < r->options.n_pool; i++) {
        struct range *range = &p.ranges[p.n];
        if (!read_range(r->options.pool[i], range) || range->n > LARGEST_POOL - p.total)
            continue;
        p.total += range->n;
        p.left[range->ipv6] += range->n;
        p.n++;
    }
    if (!all || p.total == 0 || !(p.taken = khap__kube_take(&r->memory, p.total, 1)))
        return;
    for (size_t i = 0; i < r->n_services; i++)
        forget_common(r, &r->services[i]);
    take_others(r, &p);
    for (size_t i = 0; i < r->n_services; i++) {
        struct exposed *e = &r->services[i];
        if (e->wanted && e->own_port && e->address.len == 0 && khap__kube_may_claim(r, e->o->ns))
            all[n++] = e;
    }
    if (n > 1)
        qsort(all, n, sizeof *all, earlier);
    for (size_t i = 0; i < n && !r->memory.failed; i++)
        give(r, &p, all[i]);
}

/* kube/secrets.c - certificates from Secrets of type kubernetes.io/tls. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/resolve.h"

static int digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool khap__kube_add_base64(struct text *out, struct khap_str base64)
{
    uint32_t bits = 0, n = 0, ends = 0;
    for (size_t i = 0; i < base64.len; i++) {
        char c = base64.ptr[i];
        if (c == '\n' || c == '\r' || c == ' ')
            continue;
        ends += c == '=';
        if (c == '=' && ends <= 2)
            continue;
        if (digit(c) < 0 || ends > 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit(c)) & 0xffffff;
        if (++n % 4 != 1) {
            char byte = (char)(bits >> (n % 4 == 2 ? 4 : n % 4 == 3 ? 2 : 0) & 0xff);
            khap__kube_add(out, (struct khap_str){&byte, 1});
        }
    }
    return n % 4 != 1 && ends == (4 - n % 4) % 4;
}

void khap__kube_add_file_name(struct text *out, struct khap_str ns, struct khap_str name)
{
    khap__kube_add(out, S("certs/"));
    khap__kube_add(out, ns);
    khap__kube_add(out, S("_")); /* no name has one */
    khap__kube_add(out, name);
    khap__kube_add(out, S(".pem"));
}

enum khap_status khap_kube_pem(const struct khap_kube *kube, struct khap_str name, struct khap_str *pem)
{
    static const struct khap_str before = {"certs/", 6}, behind = {".pem", 4};
    if (!kube || !pem)
        return KHAP_EINVAL;
    if (!khap__kube_begins(name, before) || name.len < before.len + behind.len + 3 ||
        !khap__kube_same(khap__kube_rest(name, name.len - behind.len), behind))
        return KHAP_ENOENT;
    struct khap_str whole = {name.ptr + before.len, name.len - before.len - behind.len};
    const char *dash = memchr(whole.ptr, '_', whole.len);
    if (!dash)
        return KHAP_ENOENT;
    struct khap_str ns = {whole.ptr, (size_t)(dash - whole.ptr)};
    const struct object *o = khap__kube_find(kube, KIND_SECRET, ns, khap__kube_rest(whole, ns.len + 1));
    if (!o || o->as.secret.pem.len == 0)
        return KHAP_ENOENT;
    *pem = o->as.secret.pem;
    return KHAP_OK;
}

bool khap__kube_is_pair(struct resolving *r, struct khap_str pem)
{
    const struct khap_cert_reader *reader = r->options.certs;
    struct khap_cert_info info = {.size = sizeof info};
    if (pem.len == 0)
        return false;
    if (!reader)
        return true;
    enum khap_status status = reader->read(reader->ctx, pem, S(""), &info);
    if (status == KHAP_ENOMEM)
        r->memory.failed = true;
    return status == KHAP_OK && info.certs > 0 && info.key == KHAP_CERT_KEY_MATCHES;
}

/* Where objects at fault are set aside, the Secret is one: what it held before serves on. */
bool khap__kube_is_good_secret(struct resolving *r, const struct object *secret)
{
    if (!secret || khap__kube_is_pair(r, secret->as.secret.pem))
        return secret != NULL;
    if (r->kube->faults) {
        khap__kube_say(r->diags, "kube-secret-broken", secret->place, khap__kube_whose(&r->memory, secret),
                       S(""), S(""));
        r->bad = true;
    }
    return false;
}

/* Adds a host that is its namespace's: nobody shows a certificate of his own for a host of somebody else. */
static void add_host(struct resolving *r, const struct object *o, struct khap_str host, struct text *out)
{
    struct khap_str normal = khap__kube_normal_host(&r->memory, host);
    if (normal.len == 0 || !khap__kube_owns(r, normal, o->ns))
        return;
    khap__kube_add_quoted(out, normal);
    khap__kube_add(out, S(", "));
}

static void add_cert(struct resolving *r, const struct object *o, const struct ingress_tls *t)
{
    struct khap_str whose = khap__kube_whose(&r->memory, o), name = t->secret.text;
    const struct object *secret = khap__kube_find(r->kube, KIND_SECRET, o->ns, name);
    if (name.len == 0) /* the certificates of the service map are meant */
        return;
    if (!khap__kube_is_good_secret(r, secret)) {
        khap__kube_say(r->diags, secret ? "kube-bad-secret" : "kube-no-secret", t->secret.place, whose, name,
                       S(""));
        return;
    }
    struct text yaml, hosts;
    khap__kube_text_init(&yaml, &r->memory.alloc);
    khap__kube_text_init(&hosts, &r->memory.alloc);
    for (const struct texts *h = t->hosts; h; h = h->next)
        add_host(r, o, h->value.text, &hosts);
    for (const struct ingress_path *p = o->as.ingress.paths, *before = NULL; !t->hosts && p;
         before = p, p = p->next) {
        if (!before ||
            !khap__kube_same(before->host.text, p->host.text)) /* paths of one rule stand together */
            add_host(r, o, p->host.text, &hosts);
    }
    khap__kube_add(&yaml, S("{file: \""));
    khap__kube_add_file_name(&yaml, o->ns, name);
    khap__kube_add(&yaml, S("\", hosts: ["));
    khap__kube_add(&yaml, khap__kube_text(&hosts));
    khap__kube_add(&yaml, S("]}"));
    r->memory.failed |= yaml.failed || hosts.failed;
    if (hosts.len > 0 && !r->memory.failed)
        khap__kube_set(r, S("certs.+"), khap__kube_text(&yaml), t->secret.place);
    khap__kube_text_free(&yaml);
    khap__kube_text_free(&hosts);
}

void khap__kube_certs(struct resolving *r)
{
    size_t n;
    const struct object **all = khap__kube_sorted(r->kube, KIND_INGRESS, &r->memory, &n);
    for (size_t i = 0; all && i < n; i++) {
        if (!khap__kube_ingress_is_ours(r, all[i]))
            continue;
        for (const struct ingress_tls *t = all[i]->as.ingress.tls; t && !r->memory.failed; t = t->next)
            add_cert(r, all[i], t);
    }
}

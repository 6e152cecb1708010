/* kube/kubeconfig.c - how a cluster is reached. Nothing that is said shows a line of a file: secrets stand there. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"
#include <khap/cluster.h>

struct khap_cluster {
    struct memory memory, answered; /* answered: what a program gave last */
    struct khap_cluster_info info;
    struct texts *arguments, *variables;
};

/* One file. */
struct config {
    struct khap_str path;
    struct khap_sources *sources;
    struct khap_diags *diags;
    struct khap_yaml *yaml;
    const struct khap_yaml_node *root;
};

struct reader {
    struct khap_cluster *cluster;
    struct khap_diags *diags;
    const struct config *configs;
    size_t n;
    bool bad;
};

static void say(struct reader *r, const char *code, struct khap_str a, struct khap_str b, struct khap_str c)
{
    khap__kube_say(r->diags, code, (struct khap_place){0}, a, b, c);
    r->bad = true;
}

/* ---- the parts of a file */

static const struct khap_yaml_node *get(const struct khap_yaml_node *node, const char *key)
{
    return khap_yaml_get(node, (struct khap_str){key, strlen(key)});
}

static struct khap_str text_at(const struct khap_yaml_node *node, const char *key)
{
    return khap_yaml_text(get(node, key));
}

static bool is_true(const struct khap_yaml_node *node, const char *key)
{
    return khap__kube_same(text_at(node, key), S("true"));
}

/* What stands under a name in a list of names; in the first file that has it. */
static const struct khap_yaml_node *named(const struct reader *r, const char *list, const char *what,
                                          struct khap_str name, const struct config **file)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct khap_yaml_node *item = NULL, *items = get(r->configs[i].root, list);
        if (khap_yaml_kind(items) != KHAP_YAML_SEQUENCE)
            continue;
        while ((item = khap_yaml_each(items, item)) != NULL) {
            if (khap__kube_same(text_at(item, "name"), name) && get(item, what)) {
                *file = &r->configs[i];
                return get(item, what);
            }
        }
    }
    return NULL;
}

/* ---- values */

static struct khap_str copy(struct reader *r, struct khap_str text)
{
    return khap__kube_copy(&r->cluster->memory, text);
}

static struct khap_str value(struct reader *r, const struct khap_yaml_node *node, const char *key)
{
    const struct khap_yaml_node *v = get(node, key);
    if (khap_yaml_kind(v) == KHAP_YAML_SEQUENCE || khap_yaml_kind(v) == KHAP_YAML_MAPPING ||
        memchr(khap_yaml_text(v).len > 0 ? khap_yaml_text(v).ptr : "x", '\n',
               khap_yaml_text(v).len > 0 ? khap_yaml_text(v).len : 1)) {
        say(r, "kubeconfig-bad-value", (struct khap_str){key, strlen(key)}, S(""), S(""));
        return S("");
    }
    return copy(r, khap_yaml_text(v));
}

/* A path, beside the file that names it. */
static struct khap_str path(struct reader *r, const struct config *file, const struct khap_yaml_node *node,
                            const char *key)
{
    struct khap_str given = value(r, node, key);
    size_t folder = file->path.len;
    if (given.len == 0 || given.ptr[0] == '/')
        return given;
    while (folder > 0 && file->path.ptr[folder - 1] != '/')
        folder--;
    char *joined = khap__kube_take(&r->cluster->memory, folder + given.len, 1);
    if (!joined)
        return S("");
    if (folder > 0)
        memcpy(joined, file->path.ptr, folder);
    memcpy(joined + folder, given.ptr, given.len);
    return (struct khap_str){joined, folder + given.len};
}

static bool decode(struct memory *m, struct khap_str base64, struct khap_str *out)
{
    struct text bytes;
    khap__kube_text_init(&bytes, &m->alloc);
    bool good = khap__kube_add_base64(&bytes, base64);
    if (good)
        *out = khap__kube_copy(m, khap__kube_text(&bytes));
    m->failed |= bytes.failed;
    khap__kube_text_free(&bytes);
    return good;
}

static struct khap_str data(struct reader *r, const struct khap_yaml_node *node, const char *key)
{
    struct khap_str text = khap_yaml_text(get(node, key)), out = S("");
    if (get(node, key) && (text.len == 0 || !decode(&r->cluster->memory, text, &out)))
        say(r, "kubeconfig-bad-value", (struct khap_str){key, strlen(key)}, S(": it is no Base64"), S(""));
    return out;
}

/* ---- cluster and user */

static void take_cluster(struct reader *r, const struct config *file, const struct khap_yaml_node *c)
{
    struct khap_cluster_info *i = &r->cluster->info;
    i->server = value(r, c, "server");
    i->tls_server_name = value(r, c, "tls-server-name");
    i->proxy_url = value(r, c, "proxy-url");
    i->ca_data = data(r, c, "certificate-authority-data");
    if (i->ca_data.len == 0)
        i->ca_file = path(r, file, c, "certificate-authority");
    i->insecure = is_true(c, "insecure-skip-tls-verify");
    while (i->server.len > 0 && i->server.ptr[i->server.len - 1] == '/')
        i->server.len--;
    if (!khap__kube_begins(i->server, S("https://")) && !khap__kube_begins(i->server, S("http://")))
        say(r, "kubeconfig-bad-value", S("server"), S(": it begins with https://"), S(""));
}

static void take_exec(struct reader *r, const struct config *file, const struct khap_yaml_node *exec)
{
    struct khap_cluster_info *i = &r->cluster->info;
    const struct khap_yaml_node *item = NULL;
    struct texts **end = &r->cluster->arguments;
    struct khap_str command = text_at(exec, "command");
    /* a command with a slash in it is a path like any other, one without is looked for */
    bool is_path = command.len > 0 && memchr(command.ptr, '/', command.len);
    i->exec_command = is_path ? path(r, file, exec, "command") : value(r, exec, "command");
    i->exec_version = value(r, exec, "apiVersion");
    i->exec_cluster_info = is_true(exec, "provideClusterInfo");
    if (i->exec_command.len == 0)
        say(r, "kubeconfig-bad-value", S("exec"), S(": it has no command"), S(""));
    if (khap_yaml_kind(get(exec, "args")) == KHAP_YAML_SEQUENCE) {
        while ((item = khap_yaml_each(get(exec, "args"), item)) != NULL) {
            struct texts *t = khap__kube_take(&r->cluster->memory, 1, sizeof *t);
            if (!t)
                return;
            t->value.text = copy(r, khap_yaml_text(item));
            *end = t;
            end = &t->next;
            i->exec_arguments++;
        }
    }
    end = &r->cluster->variables;
    if (khap_yaml_kind(get(exec, "env")) != KHAP_YAML_SEQUENCE)
        return;
    for (item = NULL; (item = khap_yaml_each(get(exec, "env"), item)) != NULL;) {
        struct text pair;
        struct texts *t = khap__kube_take(&r->cluster->memory, 1, sizeof *t);
        if (!t)
            return;
        khap__kube_text_init(&pair, &r->cluster->memory.alloc);
        khap__kube_add(&pair, text_at(item, "name"));
        khap__kube_add(&pair, S("="));
        khap__kube_add(&pair, text_at(item, "value"));
        t->value.text = copy(r, khap__kube_text(&pair));
        r->cluster->memory.failed |= pair.failed;
        khap__kube_text_free(&pair);
        *end = t;
        end = &t->next;
        i->exec_variables++;
    }
}

static void take_user(struct reader *r, const struct config *file, const struct khap_yaml_node *u)
{
    struct khap_cluster_info *i = &r->cluster->info;
    i->token = value(r, u, "token");
    i->token_file = path(r, file, u, "tokenFile");
    i->user = value(r, u, "username");
    i->password = value(r, u, "password");
    i->as_user = value(r, u, "as");
    i->cert_data = data(r, u, "client-certificate-data");
    i->key_data = data(r, u, "client-key-data");
    if (i->cert_data.len == 0)
        i->cert_file = path(r, file, u, "client-certificate");
    if (i->key_data.len == 0)
        i->key_file = path(r, file, u, "client-key");
    if (get(u, "exec"))
        take_exec(r, file, get(u, "exec"));
    if (get(u, "auth-provider"))
        say(r, "kubeconfig-bad-value", S("auth-provider"), S(": Kubernetes gave it up for `exec`"), S(""));
    if ((i->cert_data.len > 0 || i->cert_file.len > 0) != (i->key_data.len > 0 || i->key_file.len > 0))
        say(r, "kubeconfig-bad-value", S("client-certificate"), S(": certificate and key belong together"),
            S(""));
}

static void take_context(struct reader *r, struct khap_str name)
{
    const struct config *file;
    for (size_t i = 0; name.len == 0 && i < r->n; i++)
        name = text_at(r->configs[i].root, "current-context");
    const struct khap_yaml_node *context = named(r, "contexts", "context", name, &file);
    if (!context) {
        say(r, "kubeconfig-no-context", name, S(""), S(""));
        return;
    }
    r->cluster->info.context = copy(r, name);
    struct khap_str cluster = text_at(context, "cluster"), user = text_at(context, "user");
    const struct khap_yaml_node *c = named(r, "clusters", "cluster", cluster, &file);
    if (c)
        take_cluster(r, file, c);
    else
        say(r, "kubeconfig-missing", name, S("cluster"), cluster);
    const struct khap_yaml_node *u = named(r, "users", "user", user, &file);
    if (u)
        take_user(r, file, u);
    else if (user.len > 0)
        say(r, "kubeconfig-missing", name, S("user"), user);
}

/* ---- files */

/* What it says of itself stays here: it shows lines. */
static enum khap_status open(const struct khap_alloc *alloc, struct khap_str at, struct khap_str text,
                             struct config *c)
{
    uint32_t source = 0;
    c->path = at;
    enum khap_status status = khap_sources_new(alloc, &c->sources);
    if (status == KHAP_OK)
        status = khap_sources_add(c->sources, S("kubeconfig"), text, &source);
    if (status == KHAP_OK)
        status = khap_diags_new(alloc, c->sources, &c->diags);
    if (status == KHAP_OK)
        status = khap_yaml_open(alloc, c->diags, source, &c->yaml);
    if (status == KHAP_OK)
        status = khap_yaml_next(c->yaml, &c->root);
    if (status == KHAP_OK && khap_diags_count(c->diags, KHAP_ERROR) > 0)
        status = KHAP_EINPUT;
    return status;
}

static void tell_broken(struct reader *r, const struct config *c)
{
    char digits[10];
    size_t at = sizeof digits;
    uint32_t line = 0, column = 0;
    const struct khap_diag *d = c->diags ? khap_diags_next(c->diags, NULL) : NULL;
    if (d)
        khap_sources_locate(c->sources, khap_diag_place(d), &line, &column);
    do {
        digits[--at] = (char)('0' + line % 10);
        line /= 10;
    } while (line > 0 && at > 0);
    say(r, "kubeconfig-broken", c->path, (struct khap_str){digits + at, sizeof digits - at}, S(""));
}

static void close_all(struct config *configs, size_t n, const struct khap_alloc *alloc)
{
    for (size_t i = 0; i < n; i++) {
        khap_yaml_free(configs[i].yaml);
        khap_diags_free(configs[i].diags);
        khap_sources_free(configs[i].sources);
    }
    alloc->resize(alloc->ctx, configs, n * sizeof *configs, 0);
}

static struct khap_cluster *cluster_new(const struct khap_alloc *alloc)
{
    struct memory m;
    khap__kube_memory_init(&m, alloc);
    struct khap_cluster *c = m.alloc.resize(m.alloc.ctx, NULL, 0, sizeof *c);
    if (c)
        *c = (struct khap_cluster){.memory = m, .answered = m, .info = {.size = sizeof c->info}};
    return c;
}

enum khap_status khap_cluster_read(const struct khap_alloc *alloc, const struct khap_str *paths,
                                   const struct khap_str *texts, size_t n, struct khap_str context,
                                   struct khap_diags *diags, struct khap_cluster **out)
{
    if (!out || !diags || n == 0 || !paths || !texts || n > SIZE_MAX / sizeof(struct config))
        return KHAP_EINVAL;
    *out = NULL;
    struct khap_cluster *c = cluster_new(alloc);
    if (!c)
        return KHAP_ENOMEM;
    const struct khap_alloc own = c->memory.alloc;
    struct config *configs = own.resize(own.ctx, NULL, 0, n * sizeof *configs);
    struct reader r = {.cluster = c, .diags = diags, .configs = configs, .n = n};
    enum khap_status status = configs ? KHAP_OK : KHAP_ENOMEM;
    for (size_t i = 0; configs && i < n; i++)
        configs[i] = (struct config){0};
    for (size_t i = 0; status == KHAP_OK && i < n; i++) {
        status = open(&own, paths[i], texts[i], &configs[i]);
        if (status == KHAP_EINPUT || status == KHAP_ELIMIT) {
            tell_broken(&r, &configs[i]);
            configs[i].root = NULL;
            status = KHAP_OK;
        }
    }
    if (status == KHAP_OK && !r.bad)
        take_context(&r, context);
    if (status == KHAP_OK)
        status = c->memory.failed ? KHAP_ENOMEM : r.bad ? KHAP_EINPUT : KHAP_OK;
    if (configs)
        close_all(configs, n, &own);
    if (status == KHAP_OK)
        *out = c;
    else
        khap_cluster_free(c);
    return status;
}

enum khap_status khap_cluster_inside(const struct khap_alloc *alloc, struct khap_str host,
                                     struct khap_str port, struct khap_cluster **out)
{
    static const char account[] = "/var/run/secrets/kubernetes.io/serviceaccount/";
    uint32_t number;
    if (!out)
        return KHAP_EINVAL;
    *out = NULL;
    if (host.len == 0 || !khap__kube_number(port, 1, 65535, &number))
        return KHAP_EINVAL;
    struct khap_cluster *c = cluster_new(alloc);
    struct text t;
    if (!c)
        return KHAP_ENOMEM;
    bool bare6 = khap__kube_is_ipv6(host) && host.ptr[0] != '[';
    khap__kube_text_init(&t, &c->memory.alloc);
    khap__kube_add(&t, bare6 ? S("https://[") : S("https://"));
    khap__kube_add(&t, host);
    khap__kube_add(&t, bare6 ? S("]:") : S(":"));
    khap__kube_add_number(&t, number);
    c->info.server = khap__kube_copy(&c->memory, khap__kube_text(&t));
    t.len = 0;
    khap__kube_add(&t, (struct khap_str){account, sizeof account - 1});
    size_t folder = t.len;
    khap__kube_add(&t, S("token"));
    c->info.token_file = khap__kube_copy(&c->memory, khap__kube_text(&t));
    t.len = folder;
    khap__kube_add(&t, S("ca.crt"));
    c->info.ca_file = khap__kube_copy(&c->memory, khap__kube_text(&t));
    bool failed = t.failed || c->memory.failed;
    khap__kube_text_free(&t);
    if (failed) {
        khap_cluster_free(c);
        return KHAP_ENOMEM;
    }
    *out = c;
    return KHAP_OK;
}

static void overwrite(struct khap_str text)
{
    volatile char *bytes = (volatile char *)(uintptr_t)text.ptr;
    for (size_t i = 0; i < text.len; i++)
        bytes[i] = 0;
}

void khap_cluster_free(struct khap_cluster *c)
{
    if (!c)
        return;
    overwrite(c->info.token);
    overwrite(c->info.password);
    overwrite(c->info.key_data);
    const struct khap_alloc alloc = c->memory.alloc;
    khap__kube_memory_free(&c->memory);
    khap__kube_memory_free(&c->answered);
    alloc.resize(alloc.ctx, c, sizeof *c, 0);
}

enum khap_status khap_cluster_get(const struct khap_cluster *c, struct khap_cluster_info *info)
{
    if (!c || !info || info->size == 0)
        return KHAP_EINVAL;
    size_t size = info->size;
    memcpy(info, &c->info, size < sizeof *info ? size : sizeof *info);
    info->size = size;
    return KHAP_OK;
}

static struct khap_str at(const struct texts *t, uint32_t i)
{
    for (; t && i > 0; i--)
        t = t->next;
    return t ? t->value.text : S("");
}

struct khap_str khap_cluster_exec_argument(const struct khap_cluster *c, uint32_t i)
{
    return c ? at(c->arguments, i) : S("");
}

struct khap_str khap_cluster_exec_variable(const struct khap_cluster *c, uint32_t i)
{
    return c ? at(c->variables, i) : S("");
}

/* ---- ExecCredential */

/* 2026-11-26T14:00:00Z, or with +HH:MM: seconds since 1970; 0 for what is none. */
static int64_t seconds_of(struct khap_str s)
{
    static const struct {
        uint8_t at, len;
    } parts[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
    uint32_t n[6];
    for (size_t i = 0; i < 6; i++) {
        if (s.len < 20 ||
            !khap__kube_number((struct khap_str){s.ptr + parts[i].at, parts[i].len}, 0, 9999, &n[i]))
            return 0;
    }
    if (n[1] < 1 || n[1] > 12)
        return 0;
    /* days since 1970, of a year that begins in March */
    int64_t y = (int64_t)n[0] - (n[1] <= 2), m = (n[1] + 9) % 12;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + (int64_t)n[2] - 1 - 719468;
    int64_t all = ((days * 24 + n[3]) * 60 + n[4]) * 60 + n[5];
    char sign = s.ptr[s.len - 6];
    uint32_t hours, minutes;
    if ((sign == '+' || sign == '-') &&
        khap__kube_number((struct khap_str){s.ptr + s.len - 5, 2}, 0, 23, &hours) &&
        khap__kube_number((struct khap_str){s.ptr + s.len - 2, 2}, 0, 59, &minutes))
        all -= (sign == '+' ? 1 : -1) * (int64_t)(hours * 60 + minutes) * 60;
    return all > 0 ? all : 0;
}

enum khap_status khap_cluster_exec_answer(struct khap_cluster *c, struct khap_str text, int64_t *expires)
{
    if (!c || !expires)
        return KHAP_EINVAL;
    *expires = 0;
    struct config file = {0};
    const struct khap_alloc alloc = c->memory.alloc;
    enum khap_status status = open(&alloc, S(""), text, &file);
    const struct khap_yaml_node *answer = status == KHAP_OK ? get(file.root, "status") : NULL;
    struct khap_str token = text_at(answer, "token"), cert = text_at(answer, "clientCertificateData"),
                    key = text_at(answer, "clientKeyData");
    bool good = (token.len > 0 && !memchr(token.ptr, '\n', token.len)) || (cert.len > 0 && key.len > 0);
    if (status == KHAP_OK && (!good || (cert.len > 0) != (key.len > 0)))
        status = KHAP_EINPUT;
    if (status == KHAP_OK) {
        struct memory fresh, old = c->answered;
        khap__kube_memory_init(&fresh, &alloc);
        token = khap__kube_copy(&fresh, token);
        cert = khap__kube_copy(&fresh, cert);
        key = khap__kube_copy(&fresh, key);
        *expires = seconds_of(text_at(answer, "expirationTimestamp"));
        status = fresh.failed ? KHAP_ENOMEM : KHAP_OK;
        if (status == KHAP_OK) {
            overwrite(c->info.token);
            overwrite(c->info.key_data);
            c->info.token = token;
            c->info.cert_data = cert;
            c->info.key_data = key;
            c->answered = fresh;
            fresh = old;
        }
        khap__kube_memory_free(&fresh);
    }
    khap_yaml_free(file.yaml);
    khap_diags_free(file.diags);
    khap_sources_free(file.sources);
    return status == KHAP_ELIMIT ? KHAP_EINPUT : status;
}

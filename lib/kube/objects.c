/* kube/objects.c - the fields that matter, kind by kind. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/kube.h"

static const struct khap_yaml_node *get(const struct khap_yaml_node *node, const char *key)
{
    return khap_yaml_get(node, (struct khap_str){key, strlen(key)});
}

static void bad(struct reading *r, const struct khap_yaml_node *node, const char *key)
{
    khap__kube_say(r->diags, "kube-bad-value", khap_yaml_place(r->yaml, node),
                   (struct khap_str){key, strlen(key)}, khap_yaml_text(node), S(""));
    r->bad = true;
}

/* A text in memory of the object; empty when it is not there. */
static struct khap_str text(struct reading *r, struct object *o, const struct khap_yaml_node *node,
                            const char *key)
{
    const struct khap_yaml_node *v = get(node, key);
    uint32_t kind = khap_yaml_kind(v);
    if (kind == KHAP_YAML_SCALAR)
        return khap__kube_copy(&o->memory, khap_yaml_text(v));
    if (kind != KHAP_YAML_NULL)
        bad(r, v, key);
    return S("");
}

static bool is_true(const struct khap_yaml_node *node, const char *key, bool otherwise)
{
    struct khap_str s = khap_yaml_text(get(node, key));
    return s.len == 0 ? otherwise : khap__kube_same(s, S("true"));
}

/* A port; 0 when it is not there. */
static uint32_t number(struct reading *r, const struct khap_yaml_node *node, const char *key)
{
    const struct khap_yaml_node *v = get(node, key);
    uint32_t n = 0;
    if (khap_yaml_kind(v) != KHAP_YAML_NULL && !khap__kube_number(khap_yaml_text(v), 0, 65535, &n))
        bad(r, v, key);
    return n;
}

static struct value value_of(struct reading *r, struct object *o, const struct khap_yaml_node *node)
{
    return (struct value){khap__kube_copy(&o->memory, khap_yaml_text(node)), khap_yaml_place(r->yaml, node)};
}

/* The pairs of a mapping of texts, in their order; those whose name begins with `beginning`. */
static struct pair *pairs(struct reading *r, struct object *o, const struct khap_yaml_node *node,
                          struct khap_str beginning)
{
    struct pair *first = NULL, **end = &first;
    const struct khap_yaml_node *key = NULL;
    while ((key = khap_yaml_each(node, key)) != NULL) {
        const struct khap_yaml_node *v = khap_yaml_value(key);
        bool others = beginning.len > 0 && khap__kube_is_others(khap_yaml_text(key));
        if (!others && !khap__kube_begins(khap_yaml_text(key), beginning))
            continue;
        if (khap_yaml_kind(v) != KHAP_YAML_SCALAR && khap_yaml_kind(v) != KHAP_YAML_NULL) {
            khap__kube_say(r->diags, "kube-bad-value", khap_yaml_place(r->yaml, v), khap_yaml_text(key),
                           S("no text"), S(""));
            r->bad = true;
            continue;
        }
        struct pair *p = khap__kube_take(&o->memory, 1, sizeof *p);
        if (!p)
            break;
        p->name = value_of(r, o, key);
        p->value = value_of(r, o, v);
        *end = p;
        end = &p->next;
    }
    return first;
}

static void read_service(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    struct service *s = &o->as.service;
    const struct khap_yaml_node *spec = get(root, "spec"), *item = NULL;
    struct port **end = &s->ports;
    while ((item = khap_yaml_each(get(get(root, "metadata"), "finalizers"), item)) != NULL)
        s->held |= khap__kube_same(khap_yaml_text(item), S(KHAP_KUBE_FINALIZER));
    s->type = text(r, o, spec, "type");
    if (khap__kube_same(text(r, o, spec, "clusterIP"), S("None")))
        s->type = S("ClusterIP"); /* headless: whatever it says, it has no node port */
    s->load_balancer_class = text(r, o, spec, "loadBalancerClass");
    s->load_balancer_ip = text(r, o, spec, "loadBalancerIP");
    s->status_ip =
        text(r, o, khap_yaml_each(get(get(get(root, "status"), "loadBalancer"), "ingress"), NULL), "ip");
    s->local = khap__kube_same(text(r, o, spec, "externalTrafficPolicy"), S("Local"));
    s->client_ip = khap__kube_same(text(r, o, spec, "sessionAffinity"), S("ClientIP"));
    s->health_port = number(r, spec, "healthCheckNodePort");
    s->ipv6 = khap__kube_same(khap_yaml_text(khap_yaml_each(get(spec, "ipFamilies"), NULL)), S("IPv6"));
    const struct khap_yaml_node *ranges = get(spec, "loadBalancerSourceRanges");
    struct texts **last = &s->source_ranges;
    while ((item = khap_yaml_each(ranges, item)) != NULL) {
        struct texts *t = khap__kube_take(&o->memory, 1, sizeof *t);
        if (!t)
            return;
        t->value = value_of(r, o, item);
        s->has_ranges = true;
        *last = t;
        last = &t->next;
    }
    const struct khap_yaml_node *ports = get(spec, "ports");
    item = NULL;
    while ((item = khap_yaml_each(ports, item)) != NULL) {
        struct port *p = khap__kube_take(&o->memory, 1, sizeof *p);
        if (!p)
            return;
        p->name = text(r, o, item, "name");
        p->protocol = text(r, o, item, "protocol");
        p->app_protocol = text(r, o, item, "appProtocol");
        p->port = number(r, item, "port");
        p->node_port = number(r, item, "nodePort");
        p->place = khap_yaml_place(r->yaml, item);
        if (p->port == 0 && !get(item, "port"))
            bad(r, item, "port");
        *end = p;
        end = &p->next;
    }
}

static bool leads_out(const struct pair *labels)
{
    for (; labels; labels = labels->next) {
        /* "false" takes it back, as Kubernetes' own controller reads it */
        if (khap__kube_same(labels->name.text, S("node.kubernetes.io/exclude-from-external-load-balancers")))
            return !khap__kube_same(labels->value.text, S("false"));
    }
    return false;
}

static void read_node(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    struct node *n = &o->as.node;
    const struct khap_yaml_node *spec = get(root, "spec"), *item = NULL;
    const struct khap_yaml_node *addresses = get(get(root, "status"), "addresses");
    struct pair **end = &n->addresses;
    n->labels = pairs(r, o, get(get(root, "metadata"), "labels"), S(""));
    n->cordoned = is_true(spec, "unschedulable", false);
    n->out_of_service = leads_out(n->labels);
    n->leaving = o->leaving;
    while ((item = khap_yaml_each(get(spec, "taints"), item)) != NULL) {
        struct khap_str key = khap_yaml_text(get(item, "key"));
        n->out_of_service |= khap__kube_same(key, S("node.kubernetes.io/out-of-service"));
        n->leaving |= khap__kube_same(key, S("ToBeDeletedByClusterAutoscaler"));
    }
    while ((item = khap_yaml_each(addresses, item)) != NULL) {
        struct pair *p = khap__kube_take(&o->memory, 1, sizeof *p);
        if (!p)
            return;
        p->name = value_of(r, o, get(item, "type"));
        p->value = value_of(r, o, get(item, "address"));
        *end = p;
        end = &p->next;
    }
}

static void read_slice(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    struct slice *s = &o->as.slice;
    const struct khap_yaml_node *labels = get(get(root, "metadata"), "labels"), *item = NULL;
    struct endpoint **end = &s->endpoints;
    s->service = text(r, o, labels, "kubernetes.io/service-name");
    while ((item = khap_yaml_each(get(root, "endpoints"), item)) != NULL) {
        const struct khap_yaml_node *conditions = get(item, "conditions");
        struct endpoint *e = khap__kube_take(&o->memory, 1, sizeof *e);
        if (!e)
            return;
        e->node = text(r, o, item, "nodeName");
        if (e->node.len == 0) /* v1beta1 */
            e->node = text(r, o, get(item, "topology"), "kubernetes.io/hostname");
        e->ready = is_true(conditions, "ready", true);
        e->serving = is_true(conditions, "serving", e->ready);
        *end = e;
        end = &e->next;
    }
}

static struct ingress_path *new_path(struct reading *r, struct object *o, struct ingress_path ***end,
                                     const struct khap_yaml_node *at, const struct khap_yaml_node *backend)
{
    struct ingress_path *p = khap__kube_take(&o->memory, 1, sizeof *p);
    const struct khap_yaml_node *service = get(backend, "service"), *port = get(service, "port");
    if (!p)
        return NULL;
    p->service = text(r, o, service, "name");
    p->port_name = text(r, o, port, "name");
    p->port_number = number(r, port, "number");
    p->place = khap_yaml_place(r->yaml, at);
    **end = p;
    *end = &p->next;
    return p;
}

static void read_tls(struct reading *r, struct object *o, const struct khap_yaml_node *list)
{
    struct ingress_tls **end = &o->as.ingress.tls;
    const struct khap_yaml_node *item = NULL, *host;
    while ((item = khap_yaml_each(list, item)) != NULL) {
        struct ingress_tls *t = khap__kube_take(&o->memory, 1, sizeof *t);
        if (!t)
            return;
        t->secret = value_of(r, o, get(item, "secretName"));
        struct texts **last = &t->hosts;
        for (host = NULL; (host = khap_yaml_each(get(item, "hosts"), host)) != NULL;) {
            struct texts *h = khap__kube_take(&o->memory, 1, sizeof *h);
            if (!h)
                return;
            h->value = value_of(r, o, host);
            *last = h;
            last = &h->next;
        }
        *end = t;
        end = &t->next;
    }
}

/* What no Ingress can use is kept without its content. */
static void read_secret(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    static const char *const parts[] = {"tls.crt", "tls.key"};
    struct text pem;
    (void)r;
    if (!khap__kube_same(khap_yaml_text(get(root, "type")), S("kubernetes.io/tls")))
        return;
    khap__kube_text_init(&pem, &o->memory.alloc);
    bool good = true;
    for (size_t i = 0; i < 2 && good; i++) {
        const struct khap_yaml_node *data = get(get(root, "data"), parts[i]);
        const struct khap_yaml_node *plain = get(get(root, "stringData"), parts[i]);
        size_t before = pem.len;
        if (plain) /* as the API server does, it goes before the other */
            khap__kube_add(&pem, khap_yaml_text(plain));
        else
            good = khap__kube_add_base64(&pem, khap_yaml_text(data));
        good = good && pem.len > before;
        if (good && pem.ptr[pem.len - 1] != '\n')
            khap__kube_add(&pem, S("\n"));
    }
    if (good)
        o->as.secret.pem = khap__kube_copy(&o->memory, khap__kube_text(&pem));
    o->memory.failed |= pem.failed;
    khap__kube_text_free(&pem);
}

static void read_ingress(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    struct ingress *i = &o->as.ingress;
    const struct khap_yaml_node *spec = get(root, "spec"), *rule = NULL;
    const struct khap_yaml_node *annotations = get(get(root, "metadata"), "annotations");
    const struct khap_yaml_node *class_name = get(spec, "ingressClassName");
    struct ingress_path **end = &i->paths;
    if (!class_name)
        class_name = get(annotations, "kubernetes.io/ingress.class");
    i->class_name = value_of(r, o, class_name);
    read_tls(r, o, get(spec, "tls"));
    if (get(spec, "defaultBackend"))
        (void)new_path(r, o, &end, get(spec, "defaultBackend"), get(spec, "defaultBackend"));
    while ((rule = khap_yaml_each(get(spec, "rules"), rule)) != NULL) {
        const struct khap_yaml_node *item = NULL;
        while ((item = khap_yaml_each(get(get(rule, "http"), "paths"), item)) != NULL) {
            struct ingress_path *p = new_path(r, o, &end, item, get(item, "backend"));
            if (!p)
                return;
            p->host = value_of(r, o, get(rule, "host"));
            p->path = value_of(r, o, get(item, "path"));
            p->type = value_of(r, o, get(item, "pathType"));
        }
    }
}

static void read_ingress_class(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    o->as.ingress_class.controller = text(r, o, get(root, "spec"), "controller");
    o->as.ingress_class.is_default = is_true(get(get(root, "metadata"), "annotations"),
                                             "ingressclass.kubernetes.io/is-default-class", false);
}

bool khap__kube_read_object(struct reading *r, struct object *o, const struct khap_yaml_node *root)
{
    bool before = r->bad;
    r->bad = false;
    if (o->kind == KIND_SERVICE || o->kind == KIND_INGRESS)
        o->annotations = pairs(r, o, get(get(root, "metadata"), "annotations"), S("khap.io/"));
    switch (o->kind) {
    case KIND_SERVICE:
        read_service(r, o, root);
        break;
    case KIND_NODE:
        read_node(r, o, root);
        break;
    case KIND_SLICE:
        read_slice(r, o, root);
        break;
    case KIND_INGRESS:
        read_ingress(r, o, root);
        break;
    case KIND_INGRESS_CLASS:
        read_ingress_class(r, o, root);
        break;
    case KIND_SECRET:
        read_secret(r, o, root);
        break;
    case KIND_NAMESPACE:
        o->as.labels = pairs(r, o, get(get(root, "metadata"), "labels"), S(""));
        break;
    case KIND_GATEWAY_CLASS:
    case KIND_GATEWAY:
    case KIND_HTTP_ROUTE:
    case KIND_GRPC_ROUTE:
    case KIND_TLS_ROUTE:
    case KIND_TCP_ROUTE:
    case KIND_GRANT:
        o->as.spec = khap__kube_tree(r, o, get(root, "spec"));
        o->generation = text(r, o, get(root, "metadata"), "generation");
        break;
    case KINDS:
        break;
    }
    bool good = !r->bad;
    r->bad = before;
    return good;
}

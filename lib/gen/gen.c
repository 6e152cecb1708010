/* From a model to a bundle: the order of the sections, and the frame around them. SPDX-License-Identifier:
 * MIT */
#include "gen/gen.h"

#include "gen/into.h"
#include "gen/routes.h"
#include "gen/written.h"

void khap_generate_options_init(struct khap_generate_options *options)
{
    if (!options)
        return;
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    khap_target_init(&options->target);
}

/* "2.2", in the arena. */
static struct khap_str release_text(struct gen *g, uint16_t first, uint16_t last)
{
    struct buf b;
    struct khap_str text = {NULL, 0};
    khap__buf_init(&b, &g->alloc);
    khap__buf_uint(&b, first / 100u);
    khap__buf_char(&b, '.');
    khap__buf_uint(&b, first % 100u);
    if (last != first) {
        khap__buf_char(&b, '-');
        khap__buf_uint(&b, last / 100u);
        khap__buf_char(&b, '.');
        khap__buf_uint(&b, last % 100u);
    }
    if (b.failed || khap__arena_dup(&g->arena, khap__buf_str(&b), &text) != KHAP_OK)
        khap__gen_fail(g, KHAP_ENOMEM);
    khap__buf_free(&b);
    return text;
}

struct khap_str khap__gen_target_text(struct gen *g)
{
    return release_text(g, g->r.target.first, g->r.target.last);
}

void khap__gen_fail(struct gen *g, enum khap_status status)
{
    if (g->failure == KHAP_OK)
        g->failure = status;
}

struct khap_str khap__gen_source_name(const struct gen *g, struct khap_place place)
{
    struct khap_str name = khap_sources_name(khap__diags_sources(g->diags), place.source);
    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == '/' && i < name.len)
            return khap__str_sub(name, i, name.len);
    }
    return name;
}

void khap__gen_section_comment(struct gen *g, struct khap_place place, struct khap_str name)
{
    /* what nobody asked for in particular comes of the first file */
    for (const struct setting *s = g->r.model->root->child; s && place.len == 0; s = s->next) {
        if (s->place.source > 0 && (place.source == 0 || s->place.source < place.source))
            place.source = s->place.source;
    }
    struct khap_str source = khap__gen_source_name(g, place);
    khap__buf_clear(&g->text);
    if (source.len > 0) {
        khap__buf_add(&g->text, source);
        khap__buf_add(&g->text, S(": "));
    }
    khap__buf_add(&g->text, name);
    khap__doc_comment(g->doc, 0, place, khap__buf_str(&g->text));
}

void khap__gen_section(struct gen *g, struct khap_place place, const char *words, struct khap_str name)
{
    khap__doc_blank(g->doc);
    khap__gen_section_comment(g, place, name);
    struct khap_str all = khap__str(words);
    size_t blank = khap__str_find(all, ' ');
    khap__doc_begin(g->doc, 0, place);
    khap__doc_lit_n(g->doc, words, blank);
    khap__doc_part(g->doc, khap__str_sub(all, blank + 1, all.len));
    khap__doc_part(g->doc, name);
    khap__doc_part_end(g->doc);
    khap__doc_end(g->doc);
}

void khap__gen_extra(struct gen *g, struct khap_str section, const struct setting *given, struct raw *out)
{
    *out = (struct raw){0};
    khap__gen_fail(g, khap__raw_read(&g->scratch, &g->alloc, g->r.target.first, section, given, out));
}

void khap__gen_time(struct gen *g, uint64_t us)
{
    khap__buf_clear(&g->text);
    khap__time_print(&g->text, us);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

void khap__gen_address(struct gen *g, const struct address *a)
{
    khap__buf_clear(&g->text);
    khap__address_print(&g->text, g->r.target.first, g->r.target.last, a);
    khap__doc_word(g->doc, khap__buf_str(&g->text));
}

void khap__gen_bind_address(struct gen *g, const struct address *a)
{
    static const uint8_t any[16];
    khap__gen_address(g, a);
    if (a->family != ADDRESS_V6 || memcmp(a->ip, any, sizeof any) != 0)
        return;
    for (uint32_t i = 0; i < g->r.v4_ports.len; i++) {
        const struct port_range *ports = &g->r.v4_ports.ptr[i];
        if (a->port <= ports->last && a->port_last >= ports->first) {
            khap__doc_lit(g->doc, "v6only");
            return;
        }
    }
}

void khap__gen_line(struct gen *g, uint32_t indent, const char *words, struct khap_place origin)
{
    khap__doc_begin(g->doc, indent, origin);
    khap__doc_lit_n(g->doc, words, strlen(words));
    khap__doc_end(g->doc);
}

void khap__gen_pattern_begins(struct gen *g, struct khap_str pattern)
{
    if (pattern.len > 0 && pattern.ptr[0] == '-')
        khap__doc_lit(g->doc, "--");
}

bool khap__gen_own(struct gen *g, const struct raw *raw, const char *words, struct khap_place origin)
{
    struct khap_str line = khap__str(words);
    if (khap__raw_replaces(raw, line))
        return false;
    khap__doc_begin(g->doc, 4, origin);
    khap__doc_lit_n(g->doc, line.ptr, line.len);
    return true;
}

/* What has to be known before the first line. */
static enum khap_status prepare(struct gen *g)
{
    const struct resolved *r = &g->r;
    uint16_t release = r->target.first;
    g->routing = !gen_from(g, R(1, 6))                        ? ROUTING_HDR_REG
                 : g->options->bundle && gen_from(g, R(1, 9)) ? ROUTING_MAPS
                                                              : ROUTING_RULES;
    enum khap_status status =
        khap__raw_read(&g->arena, &g->alloc, release, S("global"), r->global, &g->global);
    if (status == KHAP_OK)
        status = khap__raw_read(&g->arena, &g->alloc, release, S("defaults"), r->defaults, &g->defaults);
    if (status != KHAP_OK)
        return status;
    const struct frontend *tls = r->https >= 0 ? &r->frontends.ptr[r->https] : NULL;
    bool passes = false;
    for (uint32_t i = 0; i < r->services.len && !passes; i++)
        passes = r->services.ptr[i].mode == MODE_PASSTHROUGH;
    if (passes && r->https >= 0) {
        /* An abns name is one a machine, an address too: so the name is made from the address. */
        uint32_t sum = KHAP__FNV32;
        for (uint32_t i = 0; i < tls->n_binds; i++)
            sum = khap__fnv1a32(tls->binds[i].text, sum);
        khap__buf_clear(&g->text);
        khap__buf_add(&g->text, S("khap-tls-"));
        khap__buf_hex(&g->text, sum, 8);
        if (g->text.failed || khap__arena_dup(&g->arena, khap__buf_str(&g->text), &g->tls_link) != KHAP_OK)
            return KHAP_ENOMEM;
    }
    enum khap_status passed = KHAP_OK;
    for (uint32_t i = 0; passes && i < r->routes.len && passed == KHAP_OK; i++) {
        const struct route *route = &r->routes.ptr[i];
        if (r->services.ptr[route->service].mode == MODE_PASSTHROUGH)
            passed = khap__map_set(&g->passed_hosts, khap__route_site(g, route), 1);
    }
    khap__gen_fail(g, passed);
    khap__gen_certs_prepare(g);
    return g->failure;
}

static int add_to_sum(void *ctx, const char *data, size_t len)
{
    uint64_t *sum = ctx;
    *sum = khap__fnv1a64((struct khap_str){data, len}, *sum);
    return 0;
}

/* The sums of all files, so that a later run knows which of them were changed. */
static enum khap_status add_sums(struct gen *g)
{
    struct buf list;
    khap__buf_init(&list, &g->alloc);
    enum khap_status status = KHAP_OK;
    for (const struct khap_bundle_file *f = NULL;
         (f = khap_bundle_next(g->bundle, f)) && status == KHAP_OK;) {
        uint64_t sum = KHAP__FNV64;
        struct khap_sink sink = {&sum, add_to_sum};
        status = khap_bundle_file_print(f, &sink);
        khap__buf_hex(&list, sum, 16);
        khap__buf_add(&list, S("  "));
        khap__buf_add(&list, khap_bundle_file_name(f));
        khap__buf_char(&list, '\n');
    }
    if (status == KHAP_OK)
        status = list.failed ? KHAP_ENOMEM
                             : khap_bundle_add_file(g->bundle, S("khap.sums"), khap__buf_str(&list), 0);
    khap__buf_free(&list);
    return status;
}

/* What the encoder could not write of a document. */
enum khap_status khap__gen_check_document(struct gen *g, struct khap_document *doc)
{
    struct khap_place origin;
    struct khap_str word;
    /* what was said before may be why */
    if (khap__doc_refused(doc, &origin, &word) && khap__diags_status(g->diags) == KHAP_OK)
        SAY(g->diags, MSG_WORD_REFUSED, origin, g->secret ? S("a word") : word, khap__gen_target_text(g));
    enum khap_status status = khap__doc_status(doc);
    if (status == KHAP_ELIMIT && khap_document_length(doc) < UINT32_MAX) {
        SAY0(g->diags, MSG_LINE_TOO_LONG, NOWHERE);
        status = KHAP_EINPUT;
    }
    return status;
}

/* The blocks go into the file, which becomes the document of the bundle. */
static enum khap_status finish_into(struct gen *g)
{
    struct into *in = g->into;
    khap__into_block(in, S(""))->doc = g->doc;
    g->doc = NULL;
    enum khap_status status = khap__into_write(in);
    if (status == KHAP_OK)
        status = khap_bundle_add_document(g->bundle, S("haproxy.cfg"), in->doc, g->secret);
    if (status == KHAP_OK)
        in->doc = NULL;
    return status;
}

static enum khap_status write_all(struct gen *g)
{
    enum khap_status status = khap_document_new(&g->alloc, &g->r.target, &g->doc);
    if (status != KHAP_OK)
        return status;
    if (g->into)
        khap__gen_tls_global(g); /* says what must be said, and writes nothing */
    else
        khap__gen_global(g);
    if (!g->into)
        khap__gen_defaults(g);
    khap__gen_profile_base(g);
    khap__gen_crt_store(g);
    khap__gen_frontends(g);
    khap__gen_passthrough(g);
    khap__gen_stats(g);
    khap__gen_backends(g);
    khap__gen_limit_tables(g);
    khap__gen_userlists(g);
    khap__gen_maintenance_map(g);
    khap__gen_helpers(g);
    khap__gen_sections(g);
    khap__gen_profiles_end(g);
    khap__gen_cert_warnings(g);
    status = khap__gen_check_document(g, g->doc);
    for (uint32_t i = 0; g->into && status == KHAP_OK && i < g->into->blocks.len; i++) {
        if (g->into->blocks.ptr[i].doc)
            status = khap__gen_check_document(g, g->into->blocks.ptr[i].doc);
    }
    if (g->failure != KHAP_OK)
        status = g->failure;
    if (status == KHAP_OK)
        status = khap__diags_status(g->diags);
    if (status != KHAP_OK)
        return status;
    if (g->into)
        return finish_into(g);
    khap__buf_clear(&g->text);
    khap__written_line(&g->text, khap__doc_sum(g->doc));
    status = g->text.failed ? KHAP_ENOMEM : khap__doc_prepend(g->doc, khap__buf_str(&g->text));
    if (status == KHAP_OK)
        status = khap_bundle_add_document(g->bundle, S("haproxy.cfg"), g->doc, g->secret);
    if (status != KHAP_OK)
        return status;
    g->doc = NULL;
    return g->options->bundle ? add_sums(g) : KHAP_OK;
}

enum khap_status khap_generate(const struct khap_model *model, const struct khap_generate_options *options,
                               struct khap_diags *diags, struct khap_bundle **out)
{
    struct khap_generate_options defaults;
    if (!model || !diags || !out || (options && options->size < sizeof options->size))
        return KHAP_EINVAL;
    *out = NULL;
    khap_generate_options_init(&defaults);
    if (options) /* an older caller's struct is shorter: what it does not know stays at its default */
        memcpy(&defaults, options, options->size < sizeof defaults ? options->size : sizeof defaults);
    defaults.size = sizeof defaults;

    struct gen g = {.options = &defaults, .diags = diags, .alloc = model->alloc};
    khap__arena_init(&g.arena, &g.alloc);
    khap__arena_init(&g.scratch, &g.alloc);
    khap__buf_init(&g.text, &g.alloc);
    khap__map_init(&g.cert_hosts, &g.alloc);
    khap__map_init(&g.passed_hosts, &g.alloc);
    khap__map_init(&g.profiles, &g.alloc);
    struct into into = {0};
    if (defaults.into.ptr) {
        defaults.bundle = 0; /* it is one file, and somebody else's */
        g.into = &into;
    }
    enum khap_status status = g.into ? khap__into_read(g.into, &g.alloc, &defaults, diags) : KHAP_OK;
    if (status == KHAP_OK)
        status = khap__resolve_into(model, &defaults.target, g.into ? &into.outside : NULL, diags, &g.r);
    if (status == KHAP_OK)
        status = khap_bundle_new(&g.alloc, &g.bundle);
    if (status == KHAP_OK)
        status = prepare(&g);
    if (status == KHAP_OK)
        status = write_all(&g);
    if (status == KHAP_OK)
        *out = g.bundle;
    else
        khap_bundle_free(g.bundle);
    khap_document_free(g.doc);
    if (g.into)
        khap__into_free(g.into);
    khap__raw_free(&g.alloc, &g.global);
    khap__raw_free(&g.alloc, &g.defaults);
    khap__map_free(&g.cert_hosts);
    khap__map_free(&g.passed_hosts);
    khap__map_free(&g.profiles);
    khap_document_free(g.tail);
    khap__buf_free(&g.text);
    khap__arena_free(&g.scratch);
    khap__arena_free(&g.arena);
    khap__resolved_free(&g.r);
    return status;
}

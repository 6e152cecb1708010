/* route/answer.c - what may become of a request, and why. SPDX-License-Identifier: MIT */
#include "config.h"

#include "route/ask.h"

static bool same_place(struct khap_place a, struct khap_place b)
{
    return a.source == b.source && a.offset == b.offset && a.len == b.len;
}

reasons khap__routing_because(struct asking *a, struct khap_str text, struct khap_place place)
{
    struct khap_route_answer *answer = a->answer;
    for (uint32_t i = 0; i < answer->n_reasons; i++) {
        if (same_place(answer->reasons[i].place, place) && khap__str_eq(answer->reasons[i].text, text))
            return UINT64_C(1) << i;
    }
    if (answer->n_reasons == MOST_REASONS) /* the last one stands for all that follow */
        return UINT64_C(1) << (MOST_REASONS - 1);
    answer->reasons[answer->n_reasons] = (struct reason){.text = khap__routing_keep(a, text), .place = place};
    return UINT64_C(1) << answer->n_reasons++;
}

struct khap_str khap__routing_keep(struct asking *a, struct khap_str text)
{
    struct khap_str kept = {NULL, 0};
    if (khap__arena_dup(a->arena, text, &kept) != KHAP_OK)
        a->no_memory = true;
    return kept;
}

void khap__routing_step(struct asking *a, const struct khap_line *line, struct khap_place place,
                        enum khap_answer held)
{
    if (line == NULL)
        return;
    struct step step = {line, place, (uint8_t)held, {NULL, 0}};
    if (!VEC_PUSH(&a->route->alloc, &a->state->steps, step))
        a->no_memory = true;
}

struct outcome *khap__routing_outcome(struct asking *a, enum khap_route_kind kind, struct khap_place place)
{
    struct outcome o = {.public = {.size = sizeof o.public, .kind = kind, .place = place}};
    const struct state *state = a->state;
    o.why = a->maybe;
    if (state != NULL) {
        o.why |= state->why;
        o.public.listener = a->entry->text;
        o.public.frontend = a->entered->name;
    }
    if (a->backend != NULL)
        o.public.backend = a->backend->name;
    if (state != NULL && a->http) {
        o.public.method = state->method.state == SAMPLE_KNOWN ? state->method.text : S("");
        o.public.target = state->target.state == SAMPLE_KNOWN ? state->target.text : S("");
        if (!VEC_COPY(&a->route->alloc, &state->fields, &o.fields, 0))
            a->no_memory = true;
    }
    if (state != NULL && !VEC_COPY(&a->route->alloc, &state->steps, &o.steps, 0))
        a->no_memory = true;
    if (!VEC_PUSH(&a->route->alloc, &a->answer->outcomes, o)) {
        VEC_FREE(&a->route->alloc, &o.steps);
        VEC_FREE(&a->route->alloc, &o.fields);
        a->no_memory = true;
        return NULL;
    }
    if (a->maybe == 0)
        a->ended = true;
    else if (state != NULL)
        a->state->why |= a->maybe;
    return &a->answer->outcomes.ptr[a->answer->outcomes.len - 1];
}

/* A proxy of this configuration that waits for the answer says 502 in its place. */
void khap__routing_closed(struct asking *a, struct khap_place place)
{
    struct outcome *o = khap__routing_outcome(a, a->through ? KHAP_ROUTE_ANSWER : KHAP_ROUTE_CLOSED, place);
    if (o != NULL && a->through)
        o->public.status = 502;
}

void khap_route_answer_free(struct khap_route_answer *answer)
{
    if (answer == NULL)
        return;
    struct khap_alloc a = answer->alloc;
    for (uint32_t i = 0; i < answer->outcomes.len; i++) {
        VEC_FREE(&a, &answer->outcomes.ptr[i].steps);
        VEC_FREE(&a, &answer->outcomes.ptr[i].fields);
        VEC_FREE(&a, &answer->outcomes.ptr[i].servers);
    }
    VEC_FREE(&a, &answer->outcomes);
    khap__arena_free(&answer->arena);
    khap__free(&a, answer, 1, sizeof *answer);
}

static uint32_t bits(reasons why)
{
    uint32_t n = 0;
    for (; why != 0; why &= why - 1)
        n++;
    return n;
}

enum khap_status khap_route_outcome_at(const struct khap_route_answer *answer, size_t index,
                                       struct khap_route_outcome *out)
{
    if (answer == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (index >= answer->outcomes.len)
        return KHAP_ENOENT;
    const struct outcome *o = &answer->outcomes.ptr[index];
    *out = o->public;
    out->n_steps = o->steps.len;
    out->n_headers = o->fields.len;
    out->n_servers = o->servers.len;
    out->n_reasons = bits(o->why);
    return KHAP_OK;
}

enum khap_status khap_route_step_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                    struct khap_route_step *out)
{
    if (answer == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (outcome >= answer->outcomes.len || index >= answer->outcomes.ptr[outcome].steps.len)
        return KHAP_ENOENT;
    const struct step *step = &answer->outcomes.ptr[outcome].steps.ptr[index];
    struct khap_str text = khap__str_trim(khap_line_text(step->line));
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    *out = (struct khap_route_step){.size = sizeof *out,
                                    .place = step->place,
                                    .text = khap__str_trim(text),
                                    .held = step->held,
                                    .why = step->why};
    return KHAP_OK;
}

enum khap_status khap_route_server_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                      struct khap_route_server *out)
{
    if (answer == NULL || out == NULL || out->size != sizeof *out)
        return KHAP_EINVAL;
    if (outcome >= answer->outcomes.len || index >= answer->outcomes.ptr[outcome].servers.len)
        return KHAP_ENOENT;
    *out = answer->outcomes.ptr[outcome].servers.ptr[index];
    return KHAP_OK;
}

enum khap_status khap_route_header_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                      struct khap_route_header *out, uint32_t *known)
{
    if (answer == NULL || out == NULL)
        return KHAP_EINVAL;
    if (outcome >= answer->outcomes.len || index >= answer->outcomes.ptr[outcome].fields.len)
        return KHAP_ENOENT;
    const struct field *field = &answer->outcomes.ptr[outcome].fields.ptr[index];
    bool there = field->value.state == SAMPLE_KNOWN;
    *out = (struct khap_route_header){field->name, there ? field->value.text : (struct khap_str){NULL, 0}};
    if (known != NULL)
        *known = there;
    return KHAP_OK;
}

struct khap_str khap_route_reason_at(const struct khap_route_answer *answer, size_t outcome, size_t index,
                                     struct khap_place *place)
{
    struct khap_str none = {NULL, 0};
    if (answer == NULL || outcome >= answer->outcomes.len)
        return none;
    reasons why = answer->outcomes.ptr[outcome].why;
    for (uint32_t i = 0; i < answer->n_reasons; i++) {
        if ((why >> i & 1) == 0 || index-- > 0)
            continue;
        if (place != NULL)
            *place = answer->reasons[i].place;
        return answer->reasons[i].text;
    }
    return none;
}

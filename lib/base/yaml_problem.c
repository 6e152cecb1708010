/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "base/yaml_reader.h"

/*
 * What libyaml says, and what is said for it. The second column is the word of the message (or the message
 * itself for yaml-syntax). Rows with a context come before those without. Which place is told: the problem's,
 * or the one where the thing that went wrong began.
 */
enum { AT_PROBLEM, AT_CONTEXT };

struct problem {
    char context[40], problem[72];
    char text[88];
    uint16_t id;
    uint8_t where;
};

static const struct problem problems[] = {
    {"while scanning a quoted scalar", "found unexpected end of stream", "", MSG_YAML_UNCLOSED_QUOTE,
     AT_CONTEXT},
    {"while scanning a quoted scalar", "found unexpected document indicator", "", MSG_YAML_UNCLOSED_QUOTE,
     AT_CONTEXT},
    {"while parsing a quoted scalar", "found unknown escape character", "", MSG_YAML_ESCAPE, AT_PROBLEM},
    {"while parsing a quoted scalar", "did not find expected hexdecimal number",
     "hexadecimal digits are missing in this escape", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"while parsing a quoted scalar", "found invalid Unicode character escape code",
     "this escape stands for no character", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"while scanning an alias", "did not find expected alphabetic or numeric character", "",
     MSG_YAML_QUOTE_IT, AT_CONTEXT},
    {"while scanning an anchor", "did not find expected alphabetic or numeric character", "",
     MSG_YAML_QUOTE_IT, AT_CONTEXT},
    {"while scanning for the next token", "found character that cannot start any token", "",
     MSG_YAML_QUOTE_IT, AT_PROBLEM},
    {"while scanning a simple key", "could not find expected ':'", "", MSG_YAML_MISSING_COLON, AT_CONTEXT},
    {"while parsing a flow sequence", "did not find expected ',' or ']'", "list", MSG_YAML_UNCLOSED_BRACKET,
     AT_CONTEXT},
    {"while parsing a flow mapping", "did not find expected ',' or '}'", "mapping", MSG_YAML_UNCLOSED_BRACKET,
     AT_CONTEXT},
    {"while parsing a block mapping", "did not find expected key", "a key of the mapping above was expected",
     MSG_YAML_INDENTATION, AT_PROBLEM},
    {"while parsing a block collection", "did not find expected '-' indicator",
     "a dash of the list above was expected", MSG_YAML_INDENTATION, AT_PROBLEM},
    {"while scanning a plain scalar", "found unexpected ':'",
     "a ':' cannot stand here; put the text between quotes", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"while scanning a directive", "",
     "this line is no directive; put a value that begins with % between quotes", MSG_YAML_SYNTAX, AT_CONTEXT},
    {"while scanning a %YAML directive", "", "%YAML wants a version such as 1.1", MSG_YAML_SYNTAX,
     AT_CONTEXT},
    {"while scanning a %TAG directive", "", "%TAG wants a handle and a prefix", MSG_YAML_SYNTAX, AT_CONTEXT},
    {"while parsing a %TAG directive", "", "%TAG wants a handle and a prefix", MSG_YAML_SYNTAX, AT_CONTEXT},
    {"while scanning a block scalar", "found an indentation indicator equal to 0",
     "the indentation of a block of text is a number from 1 to 9", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"while scanning a block scalar", "did not find expected comment or line break",
     "nothing but a comment can follow | or > on its line", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"while scanning a tag", "", "this is no tag; put a value that begins with ! between quotes",
     MSG_YAML_SYNTAX, AT_CONTEXT},
    {"while parsing a tag", "", "this is no tag; put a value that begins with ! between quotes",
     MSG_YAML_SYNTAX, AT_CONTEXT},
    {"while parsing a node", "found undefined tag handle", "this tag's handle was not declared by %TAG",
     MSG_YAML_SYNTAX, AT_PROBLEM},
    {"", "found a tab character that violates indentation", "", MSG_YAML_TAB, AT_PROBLEM},
    {"", "found a tab character where an indentation space is expected", "", MSG_YAML_TAB, AT_PROBLEM},
    {"", "mapping values are not allowed in this context", "", MSG_YAML_COLON, AT_PROBLEM},
    {"", "mapping keys are not allowed in this context", "a '?' cannot stand here", MSG_YAML_SYNTAX,
     AT_PROBLEM},
    {"", "block sequence entries are not allowed in this context",
     "a '- ' cannot stand here; begin a new line for the list", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"", "did not find expected node content", "a value was expected here", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"", "did not find expected <document start>", "a new document must begin with ---", MSG_YAML_SYNTAX,
     AT_PROBLEM},
    {"", "found duplicate %YAML directive", "%YAML stands here a second time", MSG_YAML_SYNTAX, AT_PROBLEM},
    {"", "found duplicate %TAG directive", "this %TAG stands here a second time", MSG_YAML_SYNTAX,
     AT_PROBLEM},
    {"", "found incompatible YAML document", "only YAML 1.1 and 1.2 are read", MSG_YAML_SYNTAX, AT_PROBLEM},
    /* newer versions of libyaml than 0.2.5 */
    {"", "Maximum nesting level reached, set with yaml_set_max_nest_level())", "", MSG_YAML_TOO_DEEP,
     AT_PROBLEM},
};

static const struct problem *find_problem(struct khap_str context, struct khap_str problem)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        const struct problem *p = &problems[i];
        if ((p->context[0] == '\0' || khap__str_eq(context, khap__str(p->context))) &&
            (p->problem[0] == '\0' || khap__str_eq(problem, khap__str(p->problem))))
            return p;
    }
    return NULL;
}

/* One character at the offset, or nothing at the end. */
static struct khap_str character_at(const struct yaml_reader *r, uint32_t offset)
{
    struct khap_str rest = khap__str_sub(r->at.text, offset - r->at.skipped, SIZE_MAX);
    uint32_t c;
    rest.len = khap__utf8_decode(rest.ptr, rest.len, &c);
    return rest;
}

static uint32_t skip_blanks_back(struct khap_str text, uint32_t at)
{
    while (at > 0 && (text.ptr[at - 1] == ' ' || text.ptr[at - 1] == '\n' || text.ptr[at - 1] == '\r'))
        at--;
    return at;
}

/* What a bracket's opening and a stray character inside it have to do with each other depends on what stands
 * there. */
static void say_bracket(struct yaml_reader *r, const struct problem *p, struct khap_place begin,
                        struct khap_place found)
{
    bool list = p->text[0] == 'l';
    struct khap_str next = character_at(r, found.offset);
    if (next.len > 0 && (*next.ptr == ']' || *next.ptr == '}')) {
        SAY(r->diags, MSG_YAML_SYNTAX, found,
            list ? S("'}' closes no mapping; the list is closed by ']'")
                 : S("']' closes no list; the mapping is closed by '}'"));
        khap__diags_relate(r->diags, begin, list ? S("the list begins here") : S("the mapping begins here"));
    } else {
        SAY(r->diags, MSG_YAML_UNCLOSED_BRACKET, begin, khap__str(p->text));
        if (next.len > 0)
            khap__diags_relate(r->diags, found,
                               list ? S("',' or ']' was expected here") : S("',' or '}' was expected here"));
    }
}

/* Whether only blanks, and dashes of lists, stand before the place on its line. */
static bool begins_line(const struct yaml_reader *r, uint32_t offset)
{
    const char *p = r->at.text.ptr + (offset - r->at.skipped);
    while (p > r->at.text.ptr && (p[-1] == ' ' || p[-1] == '-'))
        p--;
    return p == r->at.text.ptr || p[-1] == '\n' || p[-1] == '\r';
}

static void say(struct yaml_reader *r, const struct problem *p, struct khap_place begin,
                struct khap_place found)
{
    struct khap_place place = p->where == AT_CONTEXT ? begin : found;
    struct khap_str character = character_at(r, place.offset);
    char room[20];
    switch (p->id) {
    case MSG_YAML_UNCLOSED_BRACKET:
        say_bracket(r, p, begin, found);
        return;
    case MSG_YAML_ESCAPE: {
        struct khap_str rest = khap__str_sub(r->at.text, place.offset - r->at.skipped + 1, SIZE_MAX);
        uint32_t c;
        character.len += khap__utf8_decode(rest.ptr, rest.len, &c);
        place.len = (uint32_t)character.len;
        SAY(r->diags, MSG_YAML_ESCAPE, place, character);
        return;
    }
    case MSG_YAML_QUOTE_IT:
        if (character.len == 1 && *character.ptr == '\t')
            SAY0(r->diags, MSG_YAML_TAB, place);
        else
            SAY(r->diags, MSG_YAML_QUOTE_IT, place, character);
        return;
    case MSG_YAML_MISSING_COLON: {
        uint32_t end = skip_blanks_back(r->at.text, found.offset - r->at.skipped) + r->at.skipped;
        size_t line = khap__str_find(khap__str_sub(r->at.text, place.offset - r->at.skipped, SIZE_MAX), '\n');
        if (end > place.offset)
            place.len = end - place.offset > line ? (uint32_t)line : end - place.offset;
        SAY0(r->diags, MSG_YAML_MISSING_COLON, place);
        return;
    }
    case MSG_YAML_INDENTATION:
        if (!begins_line(r, found.offset)) {
            SAY0(r->diags, MSG_YAML_AFTER_VALUE, found);
            return;
        }
        SAY(r->diags, MSG_YAML_INDENTATION, found, khap__str(p->text));
        khap__diags_relate(r->diags, begin,
                           p->text[2] == 'k' ? S("the mapping begins here") : S("the list begins here"));
        return;
    case MSG_YAML_TOO_DEEP:
        SAY(r->diags, MSG_YAML_TOO_DEEP, place, khap__str_uint(room, r->limits.depth));
        return;
    default:
        SAY(r->diags, (enum message_id)p->id, place, khap__str(p->text));
    }
}

enum khap_status khap__yaml_problem(struct yaml_reader *r)
{
    const yaml_parser_t *parser = &r->parser;
    if (parser->error == YAML_MEMORY_ERROR || parser->error == YAML_NO_ERROR || parser->problem == NULL)
        return KHAP_ENOMEM;
    struct khap_str problem = khap__str(parser->problem), context = khap__str(parser->context);
    struct khap_place begin = {r->source, khap__yaml_offset(&r->at, parser->context_mark.index), 0};
    struct khap_place found = {r->source, khap__yaml_offset(&r->at, parser->problem_mark.index), 0};
    begin.len = (uint32_t)character_at(r, begin.offset).len;
    found.len = (uint32_t)character_at(r, found.offset).len;
    /* the file ends within brackets: where they begin says more than where it ends */
    const struct yaml_frame *open = r->frames.len > 0 ? &r->frames.ptr[r->frames.len - 1] : NULL;
    if (open != NULL && open->flow && found.len == 0 && parser->error == YAML_PARSER_ERROR) {
        begin = (struct khap_place){r->source, open->node->offset, 1};
        SAY(r->diags, MSG_YAML_UNCLOSED_BRACKET, begin,
            open->node->kind == YAML_SEQUENCE ? S("list") : S("mapping"));
        return KHAP_EINPUT;
    }
    const struct problem *p = find_problem(context, problem);
    if (p != NULL)
        say(r, p, parser->context == NULL ? found : begin, found);
    else
        SAY(r->diags, MSG_YAML_SYNTAX, found, problem);
    return KHAP_EINPUT;
}

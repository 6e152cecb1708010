/* diff/entries.c - maps and files of patterns, entry by entry. SPDX-License-Identifier: MIT */
#include "config.h"

#include "diff/diff.h"

/* An entry of a map, or a pattern. */
struct entry {
    struct khap_str key, value;
    uint32_t twin;
};
struct entries {
    VEC(struct entry) all;
    struct map by_key; /* the first of a key */
    bool twice;        /* a key is there twice */
};

/* How a running HAProxy gets them. */
enum way {
    WAY_ENTRIES, /* one by one */
    WAY_WHOLE,   /* a new version of all, that takes the place of the old one at once: from 2.4 on */
    WAY_RELOAD
};

struct comparison {
    struct khap_diff *d;
    const struct diff_file *file; /* as it is */
    bool part;                    /* what both begin and end with is left out */
    struct entries old, now;
    bool map, ordered; /* another order is another configuration */
    uint32_t added, other;
    size_t piece;
    uint32_t change; /* the one that is told of the entry at hand, counted from the first that will be */
    enum way way;
    const char *why; /* for a reload */
};

enum {
    FEW = 8, /* entries that are added go many at a time from here on */
    MANY =
        500, /* so many entries that change or go are looked for slowly: up to 2.8 each is a walk along all */
    PIECE = 4096 /* of a payload, at most: a quarter of HAProxy's buffer */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* As HAProxy reads them: blank lines and comments are none; blanks stand before, between and behind. */
static bool next_entry(struct khap_str *rest, bool map, struct entry *e)
{
    while (rest->len > 0) {
        size_t end = khap__str_find(*rest, '\n');
        struct khap_str line = khap__str_sub(*rest, 0, end);
        *rest = khap__str_sub(*rest, end + 1, rest->len);
        *e = (struct entry){.key = khap__str_sub(line, 0, khap__str_find(line, '\r')), .twin = DIFF_NONE};
        if (e->key.len > 0 && e->key.ptr[0] == '#')
            continue;
        while (e->key.len > 0 && is_blank(e->key.ptr[0]))
            e->key = khap__str_sub(e->key, 1, e->key.len);
        if (e->key.len == 0)
            continue;
        size_t len = 0;
        while (map && len < e->key.len && !is_blank(e->key.ptr[len]))
            len++;
        if (map) {
            e->value = khap__str_trim(khap__str_sub(e->key, len, e->key.len));
            e->key = khap__str_sub(e->key, 0, len);
        }
        return true;
    }
    return false;
}

static enum khap_status read_entries(struct khap_diff *d, struct khap_str text, bool map, struct entries *out)
{
    struct entry e;
    bool found;
    uint32_t old;
    while (next_entry(&text, map, &e)) {
        if (khap__map_add(&out->by_key, e.key, out->all.len, &found, &old) != KHAP_OK ||
            !VEC_PUSH(&d->alloc, &out->all, e))
            return KHAP_ENOMEM;
        out->twice = out->twice || found;
    }
    return KHAP_OK;
}

/* ---- what both begin and end with */

static bool begins_line(struct khap_str text, size_t at, size_t first)
{
    return at == first || text.ptr[at - 1] == '\n';
}

/* Takes the lines that both begin and end with off both texts. What they are: the same bytes in both. */
static void take_off(struct khap_str *a, struct khap_str *b, struct khap_str *head, struct khap_str *tail)
{
    enum { PIECE_OF_BOTH = 256 };
    size_t least = a->len < b->len ? a->len : b->len, from = 0, back = 0;
    while (least - from >= PIECE_OF_BOTH && memcmp(a->ptr + from, b->ptr + from, PIECE_OF_BOTH) == 0)
        from += PIECE_OF_BOTH;
    while (from < least && a->ptr[from] == b->ptr[from])
        from++;
    while (!begins_line(*a, from, 0))
        from--;
    least -= from;
    while (least - back >= PIECE_OF_BOTH &&
           memcmp(a->ptr + a->len - back - PIECE_OF_BOTH, b->ptr + b->len - back - PIECE_OF_BOTH,
                  PIECE_OF_BOTH) == 0)
        back += PIECE_OF_BOTH;
    while (back < least && a->ptr[a->len - back - 1] == b->ptr[b->len - back - 1])
        back++;
    while (back > 0 && (!begins_line(*a, a->len - back, from) || !begins_line(*b, b->len - back, from)))
        back--;
    *head = khap__str_sub(*a, 0, from);
    *tail = khap__str_sub(*a, a->len - back, a->len);
    *a = khap__str_sub(*a, from, a->len - back);
    *b = khap__str_sub(*b, from, b->len - back);
}

/* Whether one of the entries that are left has a key that stands in `same`, too: a command would reach both. */
static bool reaches(const struct comparison *c, struct khap_str same)
{
    struct entry e;
    while (next_entry(&same, c->map, &e))
        if (khap__map_get(&c->old.by_key, e.key, NULL) || khap__map_get(&c->now.by_key, e.key, NULL))
            return true;
    return false;
}

/* ---- what is different */

/* Where the first entry that matches counts, no command puts one before another; and of two with one key none takes one. */
static void match(struct comparison *c)
{
    uint32_t reached = 0;
    bool added = false;
    c->ordered = c->old.twice || c->now.twice;
    for (uint32_t i = 0; i < c->now.all.len; i++) {
        struct entry *e = &c->now.all.ptr[i];
        if (!khap__map_get(&c->old.by_key, e->key, &e->twin)) {
            added = true;
            c->added++;
            continue;
        }
        struct entry *was = &c->old.all.ptr[e->twin];
        was->twin = i;
        c->ordered = c->ordered || (c->file->ordered && (added || e->twin < reached));
        reached = e->twin;
        c->other += !khap__str_eq(was->value, e->value);
    }
    for (uint32_t i = 0; i < c->old.all.len; i++)
        c->other += c->old.all.ptr[i].twin == DIFF_NONE;
}

static bool same_entries(const struct comparison *c)
{
    bool same = c->old.all.len == c->now.all.len;
    for (uint32_t i = 0; same && i < c->now.all.len; i++)
        same = khap__str_eq(c->old.all.ptr[i].key, c->now.all.ptr[i].key) &&
               khap__str_eq(c->old.all.ptr[i].value, c->now.all.ptr[i].value);
    return same;
}

/* ---- commands */

static bool in_payload(const struct comparison *c, const struct entry *e)
{
    struct khap_str parts[] = {e->key, e->value};
    bool good =
        e->key.len + e->value.len <= 2 * c->piece && (!c->map || e->value.len > 0) && e->key.ptr[0] != '#';
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p].len && good; i++)
            good = parts[p].ptr[i] != '\0' && parts[p].ptr[i] != '\r';
    return good;
}

static void begin(struct comparison *c, struct diff_command *command, enum diff_phase phase, const char *verb,
                  bool version)
{
    khap__command_begin(command, c->d, phase, verb);
    command->is.change = (size_t)c->d->changes.len + c->change;
    khap__command_words(command, c->map ? "map" : "acl");
    if (version)
        khap__command_words(command, "@version");
    khap__command_word(command, c->file->name);
}

static bool plan_one(struct comparison *c, enum diff_phase phase, const char *verb, const struct entry *e,
                     bool value)
{
    struct diff_command command;
    begin(c, &command, phase, verb, false);
    /* `#...` would be the number of an entry */
    command.bad = command.bad || e->key.ptr[0] == '#';
    khap__command_word(&command, e->key);
    if (value && c->map)
        khap__command_word(&command, e->value);
    return khap__command_end(&command);
}

static bool plan_piece(struct comparison *c, enum diff_phase phase, bool version, struct buf *piece)
{
    struct diff_command command;
    if (piece->failed)
        c->d->status = KHAP_ENOMEM;
    if (piece->len == 0)
        return true;
    begin(c, &command, phase, "add", version);
    command.is.content = khap__diff_keep(c->d, khap__buf_str(piece));
    khap__buf_clear(piece);
    return khap__command_end(&command);
}

/* Adds entries by payloads: all, or only those that are new. */
static bool plan_pieces(struct comparison *c, enum diff_phase phase, bool all)
{
    struct buf piece;
    bool good = true;
    khap__buf_init(&piece, &c->d->alloc);
    for (uint32_t i = 0; i < c->now.all.len && good; i++) {
        const struct entry *e = &c->now.all.ptr[i];
        if (!all && e->twin != DIFF_NONE)
            continue;
        good = in_payload(c, e);
        if (good && piece.len > 0 && piece.len + e->key.len + e->value.len + 2 > c->piece)
            good = plan_piece(c, phase, all, &piece);
        khap__buf_add(&piece, e->key);
        if (c->map) {
            khap__buf_char(&piece, ' ');
            khap__buf_add(&piece, e->value);
        }
        khap__buf_char(&piece, '\n');
    }
    good = good && plan_piece(c, phase, all, &piece);
    khap__buf_free(&piece);
    return good;
}

/* In the order in which the changes are told. */
static bool plan_entries(struct comparison *c)
{
    bool pieces = c->added > FEW, good = !pieces || plan_pieces(c, PHASE_ADD, false);
    for (uint32_t i = 0; i < c->now.all.len && good; i++) {
        const struct entry *e = &c->now.all.ptr[i];
        bool added = e->twin == DIFF_NONE;
        if (!added && khap__str_eq(c->old.all.ptr[e->twin].value, e->value))
            continue;
        good =
            (added && pieces) || plan_one(c, added ? PHASE_ADD : PHASE_SET, added ? "add" : "set", e, true);
        c->change++;
    }
    for (uint32_t i = 0; i < c->old.all.len && good; i++) {
        if (c->old.all.ptr[i].twin != DIFF_NONE)
            continue;
        good = plan_one(c, PHASE_DELETE, "del", &c->old.all.ptr[i], false);
        c->change++;
    }
    c->change = 0;
    return good;
}

/* What is new comes before all versions take the place of old ones, as it does for maps that get it entry by entry. */
static bool plan_whole(struct comparison *c)
{
    struct diff_command command;
    begin(c, &command, PHASE_PREPARE, "prepare", false);
    bool good = khap__command_end(&command) && (c->ordered || plan_pieces(c, PHASE_ADD, false)) &&
                plan_pieces(c, PHASE_SET, true);
    begin(c, &command, PHASE_SET, "commit", true);
    return khap__command_end(&command) && good;
}

static void choose(struct comparison *c)
{
    bool versions = c->d->target.first >= KHAP_RELEASE(2, 4);
    uint32_t so_far = c->d->commands.len;
    c->way = c->ordered || (versions && c->other > MANY) ? WAY_WHOLE : WAY_ENTRIES;
    if (c->way == WAY_ENTRIES && !plan_entries(c)) {
        c->d->commands.len = so_far;
        c->way = WAY_WHOLE;
    }
    c->why = !c->ordered                    ? "its bytes cannot stand in a command"
             : c->old.twice || c->now.twice ? "an entry is there twice"
                                            : "no command moves an entry, and the first that matches counts";
    if (c->way == WAY_WHOLE && c->part)
        return;
    if (c->way != WAY_WHOLE || (versions && plan_whole(c)))
        return;
    c->d->commands.len = so_far;
    c->way = WAY_RELOAD;
}

/* ---- changes */

static void tell_entry(struct comparison *c, enum khap_change_kind kind, const struct entry *was,
                       const struct entry *is)
{
    struct khap_change *change = khap__diff_change(c->d, kind, KHAP_CHANGE_ENTRY);
    if (change == NULL)
        return;
    change->name = c->file->name;
    change->keyword = is != NULL ? is->key : was->key;
    change->before = was != NULL ? was->value : S("");
    change->after = is != NULL ? is->value : S("");
    change->before_place = change->after_place = c->file->place;
    if (c->way == WAY_RELOAD)
        khap__diff_reload(c->d, change, khap__str(c->why));
}

/* False: that takes all entries, and nothing is told yet. */
static bool tell_all(struct comparison *c)
{
    bool twice = c->old.twice || c->now.twice;
    choose(c);
    if (c->way == WAY_WHOLE && c->part)
        return c->d->status != KHAP_OK;
    for (uint32_t i = 0; i < c->now.all.len && c->d->status == KHAP_OK && !twice; i++) {
        const struct entry *e = &c->now.all.ptr[i];
        if (e->twin == DIFF_NONE)
            tell_entry(c, KHAP_CHANGE_ADDED, NULL, e);
        else if (!khap__str_eq(c->old.all.ptr[e->twin].value, e->value))
            tell_entry(c, KHAP_CHANGE_CHANGED, &c->old.all.ptr[e->twin], e);
    }
    for (uint32_t i = 0; i < c->old.all.len && c->d->status == KHAP_OK && !twice; i++) {
        if (c->old.all.ptr[i].twin == DIFF_NONE)
            tell_entry(c, KHAP_CHANGE_REMOVED, &c->old.all.ptr[i], NULL);
    }
    if (c->d->status != KHAP_OK || !c->ordered)
        return true;
    struct khap_change *change =
        khap__diff_file_change(c->d, twice ? KHAP_CHANGE_CHANGED : KHAP_CHANGE_ORDER, c->file);
    if (change != NULL && c->way == WAY_RELOAD)
        khap__diff_reload(c->d, change, khap__str(c->why));
    return true;
}

/* A key alone is no entry of a map. */
static bool lacks_value(const struct entries *entries)
{
    bool lacks = false;
    for (uint32_t i = 0; i < entries->all.len; i++)
        lacks = lacks || entries->all.ptr[i].value.len == 0;
    return lacks;
}

/* False: it takes all entries. */
static bool compare(struct comparison *c, const struct diff_file *before)
{
    struct khap_diff *d = c->d;
    struct khap_str was = before->text, is = c->file->text, head = S(""), tail = S("");
    if (c->part)
        take_off(&was, &is, &head, &tail);
    d->status = read_entries(d, was, c->map, &c->old);
    if (d->status == KHAP_OK)
        d->status = read_entries(d, is, c->map, &c->now);
    if (d->status != KHAP_OK || same_entries(c))
        return true;
    if (c->part && (c->old.twice || c->now.twice || reaches(c, head) || reaches(c, tail)))
        return false;
    d->refusable = d->refusable || !before->texts || !c->file->texts || lacks_value(&c->now);
    match(c);
    return (c->added + c->other == 0 && !c->ordered) || tell_all(c);
}

static void open_entries(struct comparison *c)
{
    c->old = c->now = (struct entries){.twice = false};
    c->added = c->other = 0;
    khap__map_init(&c->old.by_key, &c->d->alloc);
    khap__map_init(&c->now.by_key, &c->d->alloc);
}

static void close_entries(struct comparison *c)
{
    VEC_FREE(&c->d->alloc, &c->old.all);
    VEC_FREE(&c->d->alloc, &c->now.all);
    khap__map_free(&c->old.by_key);
    khap__map_free(&c->now.by_key);
}

void khap__diff_entries(struct khap_diff *d, const struct diff_file *before, const struct diff_file *after)
{
    struct comparison c = {
        .d = d, .file = after, .part = !after->ordered, .map = khap__str_eq(after->holds, S("map"))};
    c.piece = khap_diff_bufsize(d) / 4 < PIECE ? khap_diff_bufsize(d) / 4 : PIECE;
    open_entries(&c);
    if (!compare(&c, before)) {
        close_entries(&c);
        open_entries(&c);
        c.part = false;
        (void)compare(&c, before);
    }
    close_entries(&c);
}

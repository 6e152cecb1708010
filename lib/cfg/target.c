/* SPDX-License-Identifier: MIT */
#include <khap/cfg.h>

#include "base/buf.h"
#include "base/diag.h"
#include "cfg/features.h"
#include "cfg/releases.h"

#include <stddef.h>

static const uint16_t releases[] = {
#define RELEASE(major, minor) KHAP_RELEASE(major, minor),
    KHAP__RELEASES(RELEASE)
#undef RELEASE
};
/* Their names in one line, for messages. */
#define RELEASE(major, minor) " " #major "." #minor
static const char release_names[] = KHAP__RELEASES(RELEASE);
#undef RELEASE

uint16_t khap_release_at(size_t index)
{
    return index < sizeof releases / sizeof *releases ? releases[index] : 0;
}

void khap_target_init(struct khap_target *target)
{
    *target = (struct khap_target){.size = sizeof *target, .first = KHAP_RELEASE(2, 2), .last = KHAP_NEWEST};
}

/* ---- "2.6", "v2.6.12", "2.2-3.4" */

enum found { FOUND, FOUND_NEWER, NOT_KNOWN, NOT_A_RELEASE };

static bool take_number(struct khap_str *s, uint32_t *out)
{
    size_t n = 0;
    uint32_t value = 0;
    while (n < s->len && khap__is_digit((unsigned char)s->ptr[n])) {
        if (n == 4)
            return false;
        value = value * 10 + (uint32_t)(s->ptr[n++] - '0');
    }
    if (n == 0 || (n > 1 && s->ptr[0] == '0'))
        return false;
    *out = value;
    *s = khap__str_sub(*s, n, s->len - n);
    return true;
}

static bool take(struct khap_str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = khap__str_sub(*s, 1, s->len - 1);
    return true;
}

static enum found judge(uint32_t major, uint32_t minor, uint16_t *out)
{
    for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
        if (releases[i] / 100u == major && releases[i] % 100u == minor) {
            *out = releases[i];
            return FOUND;
        }
    }
    if (major < KHAP_NEWEST / 100 || (major == KHAP_NEWEST / 100 && minor < KHAP_NEWEST % 100))
        return NOT_KNOWN;
    *out = KHAP_NEWEST;
    return FOUND_NEWER;
}

/* Takes MAJOR.MINOR from the front; a patch level behind it is only allowed to be a number. */
static enum found take_release(struct khap_str *s, uint16_t *out)
{
    uint32_t major, minor, patch;
    (void)take(s, 'v');
    if (!take_number(s, &major) || !take(s, '.') || !take_number(s, &minor))
        return NOT_A_RELEASE;
    if (take(s, '.') && !take_number(s, &patch))
        return NOT_A_RELEASE;
    return judge(major, minor, out);
}

/* Says what is wrong with a release; true when it can be used all the same. */
static bool accept(enum found found, struct khap_str text, struct khap_diags *diags, struct khap_place place)
{
    struct khap_str known = {release_names + 1, sizeof release_names - 2};
    struct khap_str newest = S("3.4");
    switch (found) {
    case FOUND:
        return true;
    case FOUND_NEWER:
        SAY(diags, MSG_RELEASE_NEWER_THAN_KNOWN, place, text, newest);
        return true;
    case NOT_KNOWN:
        SAY(diags, MSG_UNKNOWN_RELEASE, place, text, known);
        return false;
    case NOT_A_RELEASE:
    default:
        SAY(diags, MSG_BAD_TARGET, place, text);
        return false;
    }
}

enum khap_status khap_target_parse(struct khap_str text, struct khap_target *target, struct khap_diags *diags,
                                   struct khap_place place)
{
    if (target == NULL || target->size != sizeof *target)
        return KHAP_EINVAL;
    text = khap__str_trim(text);
    struct khap_str rest = text;
    uint16_t first = 0, last;
    enum found found = take_release(&rest, &first);
    struct khap_str one = khap__str_trim(khap__str_sub(text, 0, text.len - rest.len));
    rest = khap__str_trim(rest);
    bool range = found != NOT_A_RELEASE && take(&rest, '-');
    if (found == NOT_A_RELEASE || (!range && rest.len > 0)) {
        accept(NOT_A_RELEASE, text, diags, place);
        return KHAP_EINPUT;
    }
    last = first;
    if (range) {
        rest = khap__str_trim(rest);
        struct khap_str two = rest;
        enum found second = take_release(&rest, &last);
        if (second == NOT_A_RELEASE || rest.len > 0) {
            accept(NOT_A_RELEASE, text, diags, place);
            return KHAP_EINPUT;
        }
        if (!accept(found, one, diags, place) || !accept(second, two, diags, place))
            return KHAP_EINPUT;
    } else if (!accept(found, one, diags, place)) {
        return KHAP_EINPUT;
    }
    if (first > last) {
        SAY(diags, MSG_TARGET_BACKWARDS, place, text);
        return KHAP_EINPUT;
    }
    target->first = first;
    target->last = last;
    return KHAP_OK;
}

/* ---- haproxy -vv */

/* The rest of the line that begins with `head`; false when there is none. */
static bool find_line(struct khap_str output, struct khap_str head, struct khap_str *rest)
{
    while (output.len > 0) {
        size_t end = khap__str_find(output, '\n');
        struct khap_str line = khap__str_sub(output, 0, end);
        if (khap__str_starts(line, head)) {
            *rest = khap__str_trim(khap__str_sub(line, head.len, line.len));
            return true;
        }
        output = khap__str_sub(output, end + 1, output.len);
    }
    return false;
}

/* ---- features */

static const struct {
    size_t at; /* of the field in khap_target */
    const char *names, *with, *without, *text;
    uint16_t first;
} features[] = {
#define FEATURE(name, field, names, with, without, first, text)                                              \
    {offsetof(struct khap_target, field), names, with, without, text, first},
    KHAP__FEATURES(FEATURE)
#undef FEATURE
};
/* Their names in one line, for messages: the first of each. */
static const char feature_names[] =
#define FEATURE(name, field, names, with, without, first, text) " " #name
    KHAP__FEATURES(FEATURE);
#undef FEATURE

static uint8_t *field(struct khap_target *target, size_t feature)
{
    return (uint8_t *)target + features[feature].at;
}

enum khap_feature khap__feature(const struct khap_target *target, unsigned build)
{
    return build == BUILD_NONE || build >= BUILD_COUNT
               ? KHAP_FEATURE_UNKNOWN
               : (enum khap_feature)((const uint8_t *)target)[features[build - 1].at];
}

struct khap_str khap__feature_text(unsigned build)
{
    return build == BUILD_NONE || build >= BUILD_COUNT ? S("") : khap__str(features[build - 1].text);
}

/* Whether a list with blanks between has the word. */
static bool has_name(struct khap_str list, struct khap_str name)
{
    while (list.len > 0) {
        size_t end = khap__str_find(list, ' ');
        if (khap__str_eq(khap__str_sub(list, 0, end), name))
            return true;
        list = khap__str_sub(list, end + 1, list.len);
    }
    return false;
}

/* The feature of that name, or how many there are. */
static size_t feature_of(struct khap_str name)
{
    size_t i = 0;
    while (i < sizeof features / sizeof *features && !has_name(khap__str(features[i].names), name))
        i++;
    return i;
}

enum khap_feature khap_target_feature(const struct khap_target *target, struct khap_str name)
{
    size_t feature = feature_of(name);
    if (target == NULL || target->size != sizeof *target || feature == sizeof features / sizeof *features)
        return KHAP_FEATURE_UNKNOWN;
    return khap__feature(target, (unsigned)feature + 1);
}

enum khap_status khap_target_features(struct khap_str text, struct khap_target *target,
                                      struct khap_diags *diags, struct khap_place place)
{
    if (target == NULL || target->size != sizeof *target)
        return KHAP_EINVAL;
    struct khap_target changed = *target;
    while (text.len > 0) {
        size_t end = khap__str_find(text, ',');
        struct khap_str word = khap__str_trim(khap__str_sub(text, 0, end));
        struct khap_str name = khap__str_sub(word, 1, word.len);
        size_t feature = feature_of(name);
        text = khap__str_sub(text, end + 1, text.len);
        if (word.len == 0 || (word.ptr[0] != '+' && word.ptr[0] != '-') ||
            feature == sizeof features / sizeof *features) {
            SAY(diags, MSG_BAD_FEATURE, place, word,
                ((struct khap_str){feature_names + 1, sizeof feature_names - 2}));
            return KHAP_EINPUT;
        }
        *field(&changed, feature) = word.ptr[0] == '+' ? KHAP_FEATURE_PRESENT : KHAP_FEATURE_ABSENT;
    }
    *target = changed;
    return KHAP_OK;
}

/* Looks for " +NAME" and " -NAME" of one of the names; one that is there counts most. Before 2.0 there is no list, and later ones leave out what the
 * release never heard of. */
static enum khap_feature in_list(struct khap_str list, struct khap_str names)
{
    enum khap_feature found = KHAP_FEATURE_UNKNOWN;
    while (list.len > 0 && found != KHAP_FEATURE_PRESENT) {
        size_t end = khap__str_find(list, ' ');
        struct khap_str word = khap__str_sub(list, 0, end);
        if (word.len > 1 && has_name(names, khap__str_sub(word, 1, word.len))) {
            if (word.ptr[0] == '+')
                found = KHAP_FEATURE_PRESENT;
            else if (word.ptr[0] == '-')
                found = KHAP_FEATURE_ABSENT;
        }
        list = khap__str_sub(list, end + 1, list.len);
    }
    return found;
}

/* What stands in the list, or else whether one of two lines is there; a feature younger than the release is absent. Engines are what OpenSSL has, before
 * the list knows them. */
static uint8_t feature(struct khap_str output, struct khap_str list, uint16_t release, size_t i)
{
    struct khap_str rest, with = khap__str(features[i].with), without = khap__str(features[i].without);
    if (release < features[i].first)
        return (uint8_t)KHAP_FEATURE_ABSENT;
    enum khap_feature f = in_list(list, khap__str(features[i].names));
    if (f == KHAP_FEATURE_UNKNOWN && with.len > 0 && find_line(output, with, &rest))
        f = KHAP_FEATURE_PRESENT;
    bool listed = list.len > 0 && (i + 1 != BUILD_ENGINE || release >= KHAP_RELEASE(2, 6));
    if (f == KHAP_FEATURE_UNKNOWN && (listed || (without.len > 0 && find_line(output, without, &rest))))
        f = KHAP_FEATURE_ABSENT;
    return (uint8_t)f;
}

enum khap_status khap_target_from_vv(struct khap_str output, struct khap_target *target,
                                     struct khap_diags *diags)
{
    if (target == NULL || target->size != sizeof *target)
        return KHAP_EINVAL;
    struct khap_str version, list = {NULL, 0};
    if (!find_line(output, S("HAProxy version "), &version) &&
        !find_line(output, S("HA-Proxy version "), &version)) {
        SAY0(diags, MSG_NO_HAPROXY_VERSION, NOWHERE);
        return KHAP_EINPUT;
    }
    version = khap__str_sub(version, 0, khap__str_find(version, ' '));
    struct khap_str rest = version;
    uint32_t major, minor;
    uint16_t release = 0;
    enum found found = NOT_A_RELEASE;
    if (take_number(&rest, &major) && take(&rest, '.') && take_number(&rest, &minor))
        found = judge(major, minor, &release);
    if (!accept(found, version, diags, NOWHERE))
        return KHAP_EINPUT;
    (void)find_line(output, S("Feature list :"), &list);
    target->first = target->last = release;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        *field(target, i) = feature(output, list, release, i);
    return KHAP_OK;
}

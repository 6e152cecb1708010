/* Every row of keys.tsv: read from YAML, set by path, written, read again. SPDX-License-Identifier: MIT */
#include "model/rows.h"
#include "model_support.h"

/* A name for the entries of a map. */
static const char *entry_name(struct khap_str container)
{
    if (khap__str_eq(container, S("nodes")))
        return "node1";
    if (khap__str_eq(container, S("frontends")))
        return "inner";
    if (khap__str_eq(container, S("services")))
        return "web";
    if (khap__str_eq(container, S("errorPages")))
        return "503";
    return "X-Some.name";
}

/* services.*.routes[].host with names in place: as a path, and as YAML around `value`. */
static void concrete(const char *pattern, const char *value, struct buf *path, struct buf *yaml)
{
    struct buf close;
    khap__buf_init(&close, NULL);
    struct khap_str rest = khap__str(pattern), container = {NULL, 0};
    while (rest.len) {
        struct khap_str part = khap__str_sub(rest, 0, khap__str_find(rest, '.'));
        rest = khap__str_sub(rest, part.len + 1, rest.len);
        bool item = khap__str_ends(part, S("[]"));
        if (item)
            part.len -= 2;
        if (khap__str_eq(part, S("*")))
            part = khap__str(entry_name(container));
        if (path->len)
            khap__buf_char(path, '.');
        bool quote = khap__str_find(part, '.') < part.len;
        khap__buf_add(path, quote ? S("\"") : S(""));
        khap__buf_add(path, part);
        khap__buf_add(path, quote ? S("\"") : S(""));
        khap__buf_add(path, item ? S(".+") : S(""));
        khap__buf_char(yaml, '{');
        khap__buf_add(yaml, part);
        khap__buf_add(yaml, item ? S(": [") : S(": "));
        struct buf inner = close;
        khap__buf_init(&close, NULL);
        khap__buf_add(&close, item ? S("]}") : S("}"));
        khap__buf_add(&close, khap__buf_str(&inner));
        khap__buf_free(&inner);
        container = part;
    }
    khap__buf_add(yaml, khap__str(value));
    khap__buf_add(yaml, khap__buf_str(&close));
    khap__buf_char(yaml, '\n');
    khap__buf_char(yaml, '\0');
    khap__buf_free(&close);
}

static void one_row(const struct khap_key *key)
{
    struct buf path, yaml;
    struct map_test read = {0}, set = {0}, again = {0};
    khap__buf_init(&path, NULL);
    khap__buf_init(&yaml, NULL);
    concrete(key->path, key->example, &path, &yaml);

    map_start(&read);
    if (map_read(&read, "row.yaml", yaml.ptr) != KHAP_OK)
        print_error("%s: %s", key->path, yaml.ptr);
    assert_silent(&read);
    char *written = map_written(&read);

    map_start(&set);
    enum khap_status status = khap_model_set(set.model, khap__buf_str(&path), khap__str(key->example),
                                             (struct khap_place){0, 0, 0}, set.diags);
    assert_silent(&set);
    assert_int_equal(status, KHAP_OK);
    char *set_written = map_written(&set);
    assert_string_equal(written, set_written);

    struct khap_str name = khap__str(key->path);
    while (khap__str_find(name, '.') < name.len)
        name = khap__str_sub(name, khap__str_find(name, '.') + 1, name.len);
    if (khap__str_ends(name, S("[]")))
        name.len -= 2;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%.*s:", S_ARG(name));
    if (!khap__str_eq(name, S("*")) && !strstr(written, wanted))
        fail_msg("%s is not in what was written:\n%s", wanted, written);

    map_start(&again);
    assert_int_equal(map_read(&again, "again.yaml", written), KHAP_OK);
    char *rewritten = map_written(&again);
    assert_string_equal(written, rewritten);

    free(written);
    free(set_written);
    free(rewritten);
    map_end(&read);
    map_end(&set);
    map_end(&again);
    khap__buf_free(&path);
    khap__buf_free(&yaml);
}

static void every_row(void **state)
{
    (void)state;
    struct khap_key key = {.size = sizeof key};
    size_t tried = 0;
    for (size_t i = 0; khap_key_at(i, &key) == KHAP_OK; i++) {
        if (strcmp(key.example, "-") == 0) {
            if (khap__key_row((enum key)i)->kind == ROW_SCALAR)
                fail_msg("%s has no example", key.path);
            continue;
        }
        one_row(&key);
        tried++;
    }
    assert_true(tried > 90);
}

static void the_table(void **state)
{
    (void)state;
    struct khap_key key = {.size = sizeof key};
    assert_int_equal(khap_key_at(KEY_SERVICE_CHECK_PATH, &key), KHAP_OK);
    assert_string_equal(key.path, "services.*.check.path");
    assert_string_equal(key.type, "uri");
    assert_string_equal(key.applies, "http");
    assert_int_equal(key.annotation, 1);
    assert_int_equal(key.since, KHAP_RELEASE(1, 5));
    assert_int_equal(khap_key_at(KEY_COUNT, &key), KHAP_ENOENT);
    key.size = 3;
    assert_int_equal(khap_key_at(0, &key), KHAP_EINVAL);
    assert_int_equal(khap_key_at(0, NULL), KHAP_EINVAL);
    assert_int_equal(khap__key_row(KEY_FRONTEND_HTTP3)->since, KHAP_RELEASE(2, 6));
    assert_int_equal(khap__key_member(KEY_SERVICE_DEFAULTS, S("balance")), KEY_SERVICE_BALANCE);
    assert_int_equal(khap__key_member(KEY_SERVICE_ROUTE_HEADERS, S("request")), KEY_SERVICE_HEADERS_REQUEST);
    assert_int_equal(khap__key_row(KEY_SERVICE_ROUTE_REWRITE)->short_key, KEY_SERVICE_REWRITE_PREFIX);
    assert_int_equal(khap__key_row(KEY_SERVICE_ROUTE_SOURCE_RANGES)->entry,
                     khap__key_row(KEY_SERVICE_SOURCE_RANGES)->entry);
    assert_true(khap__key_row(KEY_SERVICE_ROUTE_RESPOND)->off);
    assert_int_equal(khap__key_member(KEY_ROOT, S("services")), KEY_SERVICES);
    assert_int_equal(khap__key_member(KEY_ROOT, S("servicez")), KEY_NONE);
    assert_int_equal(khap__key_member(KEY_ROOT, S("")), KEY_NONE);
    assert_string_equal(khap__key_word(KEY_SERVICE_MODE, 1), "tcp");
    assert_null(khap__key_word(KEY_SERVICE_MODE, 2));
}

/* Each member of each object is found by its name, and its parent is right. */
static void members(void **state)
{
    (void)state;
    for (int i = 0; i <= KEY_ROOT; i++) {
        enum key member;
        for (size_t k = 0; (member = khap__key_member_at((enum key)i, k)) != KEY_NONE; k++) {
            assert_int_equal(khap__key_member((enum key)i, khap__key_name(member)), member);
            if (strncmp(khap__key_pool(khap__key_row((enum key)i)->type_text), "same(", 5) != 0)
                assert_int_equal(khap__key_row(member)->parent, i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(members),
        cmocka_unit_test(every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

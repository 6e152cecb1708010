/* The example of every message of lib/model brings that message about. SPDX-License-Identifier: MIT */
#include "model_support.h"

static char *read_file(const char *name)
{
    char path[4096];
    const char *srcdir = getenv("abs_srcdir");
    snprintf(path, sizeof path, "%s/%s", srcdir ? srcdir : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, 200000);
    assert_non_null(text);
    assert_true(fread(text, 1, 199999, f) > 1000);
    fclose(f);
    return text;
}

/* --set PATH=VALUE, or a map. */
static void bring_about(struct map_test *t, const char *example)
{
    if (strncmp(example, "--set ", 6) == 0) {
        const char *equals = strchr(example, '=');
        assert_non_null(equals);
        map_start(t);
        struct khap_str path = {example + 6, (size_t)(equals - example) - 6};
        assert_int_equal(
            khap_model_set(t->model, path, khap__str(equals + 1), (struct khap_place){0, 0, 0}, t->diags),
            KHAP_EINPUT);
        return;
    }
    map_all(t, example);
}

/* Too long for an example. */
static char *many_frontends(void)
{
    char *text = calloc(1, 10000);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, 10000, "frontends:\n");
    for (int i = 0; i < 64; i++)
        n += (size_t)snprintf(text + n, 10000 - n, "  f%d: {bind: \":%d\"}\n", i, 1000 + i);
    return text;
}

static void every_message(void **state)
{
    (void)state;
    /* the codes, from the table itself; what it takes another file for is brought about elsewhere */
    char *elsewhere = read_file("tests/cli/into.py");
    char *table = read_file("lib/model/messages.tsv"), *rest = table, *line;
    size_t tried = 0, wrong = 0;
    while ((line = rest) != NULL && *line) {
        rest = strchr(line, '\n');
        if (rest)
            *rest++ = '\0';
        char *tab = strchr(line, '\t');
        if (*line == '#' || !tab)
            continue;
        *tab = '\0';
        struct khap_message message = {.size = sizeof message};
        struct map_test t = {0};
        char *made = NULL;
        assert_int_equal(khap_message_find(khap__str(line), &message), KHAP_OK);
        if (strncmp(message.example, "khapgen --into", 14) == 0) {
            if (!strstr(elsewhere, line)) {
                print_error("%s is not in tests/cli/into.py\n", line);
                wrong++;
            }
            continue;
        }
        if (strcmp(line, "too-many-frontends") == 0)
            made = many_frontends();
        bring_about(&t, made ? made : message.example);
        if (map_count(&t, line) == 0)
            wrong++;
        if (map_count(&t, line) == 0)
            print_error("%s was not said\n", line);
        /* nothing else, so that the example shows what it should */
        size_t all = khap_diags_count(t.diags, KHAP_NOTE), here = map_count(&t, line);
        if (strcmp(line, "no-node-selected") != 0) /* few of them have nodes */
            here += map_count(&t, "no-node-selected");
        if (strcmp(line, "service-unreachable") != 0) /* nor hosts */
            here += map_count(&t, "service-unreachable");
        if (all != here) {
            char *said = map_said(&t);
            print_error("%s: more was said:\n%s\n", line, said);
            free(said);
            wrong++;
        }
        map_end(&t);
        free(made);
        tried++;
    }
    free(table);
    free(elsewhere);
    assert_int_equal(wrong, 0);
    assert_true(tried > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_message)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

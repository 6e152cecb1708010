/* Certificates, made by openssl(1) for this test, through the reader. SPDX-License-Identifier: MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cert/cert.h"

#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/khap-cert.XXXXXX";
static bool have_openssl;

struct file {
    char text[65536];
    size_t len;
};

static struct khap_str slice(const struct file *f)
{
    return (struct khap_str){f->text, f->len};
}

static void load(struct file *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    f->len = fread(f->text, 1, sizeof f->text, in);
    fclose(in);
    assert_true(f->len > 0 && f->len < sizeof f->text);
}

static int shell(const char *command)
{
    char line[4096];
    snprintf(line, sizeof line, "cd %s && { %s; } >log 2>&1 </dev/null", folder, command);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define SELF_SIGNED "openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 90 -keyout "

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    have_openssl = shell("openssl version") == 0;
    if (!have_openssl)
        return 0;
    return shell(SELF_SIGNED "a.key -out a.crt -subj /CN=unused.example "
                             "-addext "
                             "subjectAltName=DNS:a.example,DNS:*.a.example,IP:192.0.2.1,IP:2001:db8::1,email:"
                             "x@a.example && "
                             "cat a.crt a.key > a.pem && cat a.key a.crt > turned.pem") +
           shell("openssl ecparam -name prime256v1 -genkey -out b.key && "
                 "openssl req -x509 -new -key b.key -sha256 -days 90 -out b.crt -subj /O=Ours/CN=b.example") +
           shell("cat a.crt b.crt b.key > chain.pem && openssl rsa -in a.key -aes128 -passout pass:x -out "
                 "locked.key && "
                 "openssl pkcs8 -topk8 -in a.key -passout pass:x -out locked8.key") +
           shell("printf 'y\\n' > empty.cnf; printf "
                 "'[ca]\\ndefault_ca=c\\n[c]\\ndatabase=index\\nnew_certs_dir=.\\nserial=serial\\n"
                 "default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.cnf && : > index && echo "
                 "01 > serial && "
                 "openssl req -new -key b.key -subj /CN=dated.example -out dated.csr && "
                 "openssl ca -batch -config ca.cnf -cert a.crt -keyfile a.key -in dated.csr -out dated.crt "
                 "-notext "
                 "-startdate 20000229123456Z -enddate 20510301000000Z") +
           shell("openssl req -x509 -newkey rsa:1024 -nodes -days 90 -keyout short.key -out short.crt -subj "
                 "/CN=short.example && "
                 "openssl x509 -req -in dated.csr -CA a.crt -CAkey a.key -CAcreateserial -sha1 -days 90 -out "
                 "sha1.crt && "
                 "openssl req -new -key b.key -subj /CN=leaf.example -out leaf.csr && "
                 "printf 'basicConstraints=CA:true\n' > middle.ext && "
                 "openssl ecparam -name prime256v1 -genkey -out middle.key && "
                 "openssl req -new -key middle.key -subj /CN=middle -out middle.csr && "
                 "openssl x509 -req -in middle.csr -CA a.crt -CAkey a.key -CAcreateserial -days 90 -extfile "
                 "middle.ext -out middle.crt && "
                 "openssl x509 -req -in leaf.csr -CA middle.crt -CAkey middle.key -CAcreateserial -days 90 "
                 "-out leaf.crt");
}

static int tear_down(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

struct seen {
    char names[1024];
    enum khap_status answer;
};

static enum khap_status see(void *ctx, uint32_t kind, struct khap_str text)
{
    struct seen *s = ctx;
    size_t len = strlen(s->names);
    snprintf(s->names + len, sizeof s->names - len, "%s%s:%.*s", len > 0 ? " " : "",
             kind == KHAP_CERT_DNS ? "dns" : "ip", (int)text.len, text.ptr);
    return s->answer;
}

static enum khap_status ask(struct khap_str pem, struct khap_str key, struct khap_cert_info *info,
                            struct seen *seen)
{
    memset(seen, 0, sizeof *seen);
    *info = (struct khap_cert_info){
        .size = sizeof *info, .ctx = seen, .name = see, .certs = 77, .keys = 77, .key = 77};
    struct khap_cert_reader reader = cert_reader();
    assert_int_equal(reader.size, sizeof reader);
    return reader.read(reader.ctx, pem, key, info);
}

static const struct khap_str none;

#define NEED_OPENSSL()                                                                                       \
    do {                                                                                                     \
        if (!have_openssl) {                                                                                 \
            print_message("# needs openssl (Debian: package openssl)\n");                                    \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

static void test_names_and_dates(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static struct file a;
    struct khap_cert_info info;
    struct seen seen;
    load(&a, "a.pem");
    assert_int_equal(ask(slice(&a), none, &info, &seen), KHAP_OK);
    assert_string_equal(seen.names, "dns:a.example dns:*.a.example ip:192.0.2.1 ip:2001:db8::1");
    assert_int_equal(info.certs, 1);
    assert_int_equal(info.keys, 1);
    assert_int_equal(info.key, KHAP_CERT_KEY_MATCHES);
    assert_int_equal(info.not_after - info.not_before, 90 * 86400);
    load(&a, "turned.pem");
    assert_int_equal(ask(slice(&a), none, &info, &seen), KHAP_OK);
    assert_int_equal(info.key, KHAP_CERT_KEY_MATCHES);
}

static void test_common_name_and_old_and_late_dates(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static struct file f;
    struct khap_cert_info info;
    struct seen seen;
    load(&f, "b.crt");
    assert_int_equal(ask(slice(&f), none, &info, &seen), KHAP_OK);
    assert_string_equal(seen.names, "dns:b.example");
    assert_int_equal(info.keys, 0);
    assert_int_equal(info.key, KHAP_CERT_KEY_NONE);
    load(&f, "dated.crt"); /* UTCTime and GeneralizedTime; date -u -d @… says the same */
    assert_int_equal(ask(slice(&f), none, &info, &seen), KHAP_OK);
    assert_string_equal(seen.names, "dns:dated.example");
    assert_int_equal(info.not_before, INT64_C(951827696));
    assert_int_equal(info.not_after, INT64_C(2561241600));
}

static void test_keys(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static struct file cert, key;
    struct khap_cert_info info;
    struct seen seen;
    static const struct {
        const char *cert, *key;
        uint32_t verdict, keys, certs;
    } rows[] = {
        {"a.crt", "a.key", KHAP_CERT_KEY_MATCHES, 1, 1},
        {"a.crt", "b.key", KHAP_CERT_KEY_DIFFERS, 1, 1},
        {"b.crt", "b.key", KHAP_CERT_KEY_MATCHES, 1, 1},
        {"b.crt", "a.key", KHAP_CERT_KEY_DIFFERS, 1, 1},
        {"chain.pem", NULL, KHAP_CERT_KEY_DIFFERS, 1, 2}, /* the leaf is the first */
        {"chain.pem", "a.key", KHAP_CERT_KEY_MATCHES, 2, 2},
        {"a.crt", "locked.key", KHAP_CERT_KEY_UNKNOWN, 1, 1},
        {"a.crt", "locked8.key", KHAP_CERT_KEY_UNKNOWN, 1, 1},
        {"a.key", NULL, KHAP_CERT_KEY_UNKNOWN, 1, 0},
        {"a.crt", "b.crt", KHAP_CERT_KEY_NONE, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        load(&cert, rows[i].cert);
        if (rows[i].key != NULL)
            load(&key, rows[i].key);
        ERR_clear_error();
        assert_int_equal(ask(slice(&cert), rows[i].key != NULL ? slice(&key) : none, &info, &seen), KHAP_OK);
        if (info.key != rows[i].verdict || info.keys != rows[i].keys || info.certs != rows[i].certs)
            fail_msg("%s with %s: key %u, %u keys, %u certificates", rows[i].cert,
                     rows[i].key ? rows[i].key : "nothing", info.key, info.keys, info.certs);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_chains(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static const struct {
        const char *first, *second, *third;
        uint32_t verdict;
    } rows[] = {
        {"a.crt", NULL, NULL, KHAP_CERT_CHAIN_GOOD}, /* signed by itself */
        {"dated.crt", NULL, NULL, KHAP_CERT_CHAIN_ALONE},
        {"dated.crt", "a.crt", NULL, KHAP_CERT_CHAIN_GOOD},
        {"dated.crt", "b.crt", NULL, KHAP_CERT_CHAIN_BROKEN},
        {"a.crt", "dated.crt", NULL, KHAP_CERT_CHAIN_BROKEN}, /* nothing is behind the root */
        {"dated.crt", "a.crt", "b.crt", KHAP_CERT_CHAIN_BROKEN},
        {"leaf.crt", "middle.crt", "a.crt", KHAP_CERT_CHAIN_GOOD},
        {"leaf.crt", "a.crt", "middle.crt", KHAP_CERT_CHAIN_ORDER},
        {"leaf.crt", "leaf.crt", "middle.crt", KHAP_CERT_CHAIN_BROKEN},
        {"leaf.crt", "a.crt", NULL, KHAP_CERT_CHAIN_BROKEN},
        {"a.key", NULL, NULL, KHAP_CERT_CHAIN_UNKNOWN},
    };
    static struct file all, part;
    struct khap_cert_info info;
    struct seen seen;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *names[] = {rows[i].first, rows[i].second, rows[i].third};
        all.len = 0;
        for (size_t n = 0; n < 3 && names[n] != NULL; n++) {
            load(&part, names[n]);
            assert_true(part.len < sizeof all.text - all.len);
            memcpy(all.text + all.len, part.text, part.len);
            all.len += part.len;
        }
        assert_int_equal(ask(slice(&all), none, &info, &seen), KHAP_OK);
        if (info.chain != rows[i].verdict)
            fail_msg("%s, %s, %s: %u", names[0], names[1] ? names[1] : "-", names[2] ? names[2] : "-",
                     info.chain);
    }
    /* more than a chain has */
    load(&part, "b.crt");
    all.len = 0;
    for (size_t n = 0; n < 33; n++, all.len += part.len)
        memcpy(all.text + all.len, part.text, part.len);
    assert_int_equal(ask(slice(&all), none, &info, &seen), KHAP_OK);
    assert_int_equal(info.certs, 33);
    assert_int_equal(info.chain, KHAP_CERT_CHAIN_UNKNOWN);
}

static void test_kind_strength_and_ends(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static const struct {
        const char *name;
        uint32_t type, weak, alt_names;
    } rows[] = {
        {"a.crt", KHAP_CERT_TYPE_RSA, KHAP_CERT_WEAK_NO, 5},
        {"b.crt", KHAP_CERT_TYPE_EC, KHAP_CERT_WEAK_NO, 0},
        {"short.crt", KHAP_CERT_TYPE_RSA, KHAP_CERT_WEAK_KEY, 0},
        {"sha1.crt", KHAP_CERT_TYPE_EC, KHAP_CERT_WEAK_SIGNATURE, 0},
    };
    static struct file f, more;
    struct khap_cert_info info;
    struct seen seen;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        load(&f, rows[i].name);
        assert_int_equal(ask(slice(&f), none, &info, &seen), KHAP_OK);
        if (info.key_type != rows[i].type || info.weak != rows[i].weak || info.alt_names != rows[i].alt_names)
            fail_msg("%s: type %u, weak %u, %u names", rows[i].name, info.key_type, info.weak,
                     info.alt_names);
        assert_true(info.first_end == info.not_after && info.last_end == info.not_after);
    }
    load(&f, "dated.crt");
    load(&more, "a.crt");
    memcpy(f.text + f.len, more.text, more.len);
    f.len += more.len;
    assert_int_equal(ask(slice(&f), none, &info, &seen), KHAP_OK);
    assert_true(info.first_end < info.not_after);
    assert_int_equal(info.last_end, info.not_after);
}

static void test_self_signed(void **state)
{
    (void)state;
    struct khap_cert_info info;
    struct seen seen;
    struct khap_str pem, other;
    const int64_t now = INT64_C(1800000000);
    ERR_clear_error();
    assert_int_equal(cert_self_signed(now, &pem), KHAP_OK);
    assert_int_equal(ask(pem, none, &info, &seen), KHAP_OK);
    assert_string_equal(seen.names, "dns:placeholder.invalid");
    assert_int_equal(info.certs, 1);
    assert_int_equal(info.key, KHAP_CERT_KEY_MATCHES);
    assert_int_equal(info.chain, KHAP_CERT_CHAIN_GOOD);
    assert_int_equal(info.key_type, KHAP_CERT_TYPE_EC);
    assert_int_equal(info.weak, KHAP_CERT_WEAK_NO);
    assert_int_equal(info.not_before, now - 86400);
    assert_int_equal(info.not_after, now + INT64_C(3652) * 86400);
    assert_int_equal(cert_self_signed(now, &other), KHAP_OK);
    assert_true(pem.len != other.len || memcmp(pem.ptr, other.ptr, pem.len) != 0);
    assert_int_equal(ERR_peek_error(), 0);
    cert_pem_free(pem);
    cert_pem_free(other);
    cert_pem_free(none);
}

static void test_what_is_no_certificate(void **state)
{
    (void)state;
    struct khap_cert_info info;
    struct seen seen;
    static const char *const nothing[] = {
        "",
        "\n",
        "hello",
        "-----BEGIN",
        "-----BEGIN CERTIFICATE-----x",
        "-----BEGIN DH PARAMETERS-----\nMAYCAQcCAQM=\n-----END DH PARAMETERS-----\n"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        struct khap_str text = {nothing[i], strlen(nothing[i])};
        assert_int_equal(ask(text, none, &info, &seen), KHAP_OK);
        assert_int_equal(info.certs, 0);
        assert_int_equal(info.keys, 0);
        assert_int_equal(info.key, KHAP_CERT_KEY_NONE);
        assert_int_equal(info.not_after, 0);
    }
    static const char *const broken[] = {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                         "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct khap_str text = {broken[i], strlen(broken[i])};
        assert_int_equal(ask(text, none, &info, &seen), KHAP_EINPUT);
        assert_int_equal(ERR_peek_error(), 0);
    }
    /* a key that is none is counted, and cannot be judged */
    struct khap_str key = {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 60};
    key.len = strlen(key.ptr);
    assert_int_equal(ask(key, none, &info, &seen), KHAP_OK);
    assert_int_equal(info.key, KHAP_CERT_KEY_UNKNOWN);
}

static void test_every_cut_and_the_callback(void **state)
{
    (void)state;
    NEED_OPENSSL();
    static struct file a;
    struct khap_cert_info info;
    struct seen seen;
    load(&a, "a.pem");
    size_t whole = 0;
    for (size_t len = 0; len <= a.len; len += 1 + a.len / 500) {
        enum khap_status status = ask((struct khap_str){a.text, len}, none, &info, &seen);
        assert_true(status == KHAP_OK || status == KHAP_EINPUT);
        whole += status == KHAP_OK && info.certs == 1;
    }
    assert_true(whole > 0);
    /* what the callback says ends the reading */
    struct khap_cert_reader reader = cert_reader();
    memset(&seen, 0, sizeof seen);
    seen.answer = KHAP_ELIMIT;
    info = (struct khap_cert_info){.size = sizeof info, .ctx = &seen, .name = see};
    assert_int_equal(reader.read(reader.ctx, slice(&a), none, &info), KHAP_ELIMIT);
    assert_string_equal(seen.names, "dns:a.example");
    info.name = NULL;
    assert_int_equal(reader.read(reader.ctx, slice(&a), none, &info), KHAP_OK);
    info.size = 8;
    assert_int_equal(reader.read(reader.ctx, slice(&a), none, &info), KHAP_EINVAL);
}

/* The caller's own errors stay in the queue. */
static void test_the_error_queue_is_the_callers(void **state)
{
    (void)state;
    struct khap_cert_info info;
    struct seen seen;
    ERR_clear_error();
    ERR_PUT_error(ERR_LIB_USER, 0, 7, __FILE__, __LINE__);
    unsigned long before = ERR_peek_last_error();
    static const char text[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_int_equal(ask((struct khap_str){text, sizeof text - 1}, none, &info, &seen), KHAP_EINPUT);
    assert_true(before != 0);
    assert_true(ERR_peek_last_error() == before);
    ERR_clear_error();
}

/* A reader that counts how often it was asked. */
static enum khap_status counting(void *ctx, struct khap_str pem, struct khap_str key,
                                 struct khap_cert_info *out)
{
    const struct khap_cert_reader reader = cert_reader();
    (*(unsigned *)ctx)++;
    return reader.read(reader.ctx, pem, key, out);
}

static enum khap_status note_name(void *ctx, uint32_t kind, struct khap_str text)
{
    struct file *f = ctx;
    int n = snprintf(f->text + f->len, sizeof f->text - f->len, "%u %.*s\n", (unsigned)kind, (int)text.len,
                     text.ptr);
    f->len += (size_t)n;
    return KHAP_OK;
}

static void same_as_alone(const struct khap_cert_reader *reader, struct khap_str pem, struct khap_str key)
{
    static struct file names[2];
    names[0].len = names[1].len = 0;
    struct khap_cert_info a = {.size = sizeof a, .ctx = &names[0], .name = note_name},
                          b = {.size = sizeof b, .ctx = &names[1], .name = note_name};
    const struct khap_cert_reader alone = cert_reader();
    assert_int_equal(reader->read(reader->ctx, pem, key, &a), alone.read(alone.ctx, pem, key, &b));
    assert_ptr_equal(a.ctx, &names[0]);
    a.ctx = b.ctx;
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(names[0].len, names[1].len);
    assert_memory_equal(names[0].text, names[1].text, names[0].len);
}

/* What is remembered is what was read; a text that differs by one byte, or stands in the other place, is another one. */
static void test_memory(void **state)
{
    (void)state;
    static struct file a, key, chain;
    unsigned asked = 0;
    NEED_OPENSSL();
    load(&a, "a.crt");
    load(&key, "a.key");
    load(&chain, "chain.pem");
    const struct khap_cert_reader from = {.size = sizeof from, .ctx = &asked, .read = counting};
    struct cert_memory *m = cert_memory_new(from, none);
    assert_non_null(m);
    struct khap_cert_reader reader = cert_memory_reader(m);
    for (int i = 0; i < 3; i++) {
        same_as_alone(&reader, slice(&a), none);
        same_as_alone(&reader, slice(&a), slice(&key));
        same_as_alone(&reader, slice(&chain), none);
        struct khap_cert_info info = {.size = sizeof info}; /* who asks for no names */
        assert_int_equal(reader.read(reader.ctx, slice(&a), none, &info), KHAP_OK);
    }
    assert_int_equal(asked, 3);
    struct khap_str cut = {a.text, 100};
    for (unsigned i = 0; i < 2; i++) /* what is no certificate is read each time */
        same_as_alone(&reader, cut, none);
    a.text[a.len - 40] ^= 1;
    same_as_alone(&reader, slice(&a), none);
    a.text[a.len - 40] ^= 1;
    asked = 0;
    struct khap_str kept = cert_memory_keep(m);
    cert_memory_free(m);
    assert_true(kept.len > 0);
    m = cert_memory_new(from, kept);
    reader = cert_memory_reader(m);
    same_as_alone(&reader, slice(&chain), none);
    same_as_alone(&reader, slice(&a), slice(&key));
    assert_int_equal(asked, 0);
    assert_int_equal(cert_memory_keep(m).len, 0); /* nothing is new */
    cert_memory_free(m);
    for (size_t len = 0; len < kept.len; len += 7) /* of a text that was cut, what is whole counts */
        cert_memory_free(cert_memory_new(from, (struct khap_str){kept.ptr, len}));
    free((char *)(uintptr_t)kept.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_dates),
        cmocka_unit_test(test_common_name_and_old_and_late_dates),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_kind_strength_and_ends),
        cmocka_unit_test(test_self_signed),
        cmocka_unit_test(test_what_is_no_certificate),
        cmocka_unit_test(test_every_cut_and_the_callback),
        cmocka_unit_test(test_the_error_queue_is_the_callers),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

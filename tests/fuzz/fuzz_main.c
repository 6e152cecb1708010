/*
 * fuzz/fuzz_main.c - replays files through a fuzzer, and mutates them, where there is no libFuzzer
 *
 *     fuzz_NAME FILE...                            replays each once
 *     fuzz_NAME --seconds N [--seed S] FILE...     then mutates them at random for that long
 *
 * An input that fails stands in the file named by --crash (default: fuzz-crash) as long as it runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz.h"

#include <string.h>
#include <time.h>

enum { LARGEST = 1 << 16 };

struct input {
    uint8_t *data;
    size_t size;
};

static uint64_t random_state;

static uint32_t dice(uint32_t sides)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % sides;
}

/* A block of exactly the input's size, so that a sanitizer sees each step over its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int read_file(const char *name, struct input *in)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        return 0;
    }
    in->data = malloc(LARGEST);
    if (in->data == NULL)
        abort();
    in->size = fread(in->data, 1, LARGEST, f);
    fclose(f);
    return 1;
}

static size_t mutate(uint8_t *data, size_t size, const struct input *inputs, size_t n)
{
    static const char *const pieces[] = {
        "\n",     "\t", "  ",  ": ",           "- ",           "[", "]", "{",     "}",
        "\"",     "'",  "&a ", "*a",           "<<: ",         "|", ">", "---\n", "...\n",
        "!!str ", "#",  "\\",  "\xef\xbb\xbf", "\xe2\x82\xac", "%", "?", ","};
    for (uint32_t changes = 1 + dice(6); changes > 0; changes--) {
        uint32_t at = dice((uint32_t)size + 1);
        const struct input *other = &inputs[dice((uint32_t)n)];
        const char *piece = pieces[dice(sizeof pieces / sizeof pieces[0])];
        switch (dice(6)) {
        case 0: /* another byte */
            if (at < size)
                data[at] = (uint8_t)dice(256);
            break;
        case 1: /* a piece put in */
            if (size + strlen(piece) <= LARGEST) {
                memmove(data + at + strlen(piece), data + at, size - at);
                memcpy(data + at, piece, strlen(piece));
                size += strlen(piece);
            }
            break;
        case 2: { /* something taken out */
            size_t len = dice(8);
            if (at + len <= size) {
                memmove(data + at, data + at + len, size - at - len);
                size -= len;
            }
            break;
        }
        case 3: /* another file's end */
            if (other->size > 0) {
                size_t from = dice((uint32_t)other->size), len = other->size - from;
                if (at + len > LARGEST)
                    len = LARGEST - at;
                memcpy(data + at, other->data + from, len);
                size = at + len;
            }
            break;
        case 4: { /* a part doubled */
            size_t len = dice(64);
            if (at + len <= size && size + len <= LARGEST) {
                memmove(data + at + len, data + at, size - at);
                size += len;
            }
            break;
        }
        default:
            if (at < size)
                data[at] ^= (uint8_t)(1u << dice(8));
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    long seconds = 0;
    const char *crash = "fuzz-crash";
    struct input *inputs = calloc((size_t)argc + 1, sizeof *inputs);
    size_t n = 0;
    random_state = (uint64_t)time(NULL);
    if (inputs == NULL)
        return 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            seconds = strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            random_state = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--crash") == 0 && i + 1 < argc) {
            crash = argv[++i];
        } else {
            if (!read_file(argv[i], &inputs[n]))
                return 1;
            fprintf(stderr, "%s\n", argv[i]);
            run(inputs[n].data, inputs[n].size);
            n++;
        }
    }
    if (n == 0) {
        fprintf(stderr, "no input\n");
        return 1;
    }
    printf("%lu files replayed", (unsigned long)n);
    if (seconds > 0) {
        unsigned long runs = 0;
        uint8_t *data = malloc(LARGEST);
        if (data == NULL)
            return 1;
        printf(", seed %llu", (unsigned long long)random_state);
        fflush(stdout);
        for (time_t end = time(NULL) + seconds; time(NULL) < end; runs++) {
            const struct input *from = &inputs[dice((uint32_t)n)];
            memcpy(data, from->data, from->size);
            size_t size = mutate(data, from->size, inputs, n);
            FILE *f = fopen(crash, "wb");
            if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0)
                return 1;
            run(data, size);
        }
        remove(crash);
        free(data);
        printf(", %lu mutations", runs);
    }
    printf("\n");
    for (size_t i = 0; i < n; i++)
        free(inputs[i].data);
    free(inputs);
    return 0;
}

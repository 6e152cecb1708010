/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapgen/apply_processes.h"
#include "khapgen/apply_table.h"
#include "khapgen/yaml_scalar.h"

/* Lines below `# workers`, `# old workers` and other such heads: process, type, how many reloads it has seen. From 3.1 the one
 * that serves stands among the old ones after a reload that failed; it is the youngest of them. */
bool apply_read_processes(struct khap_str reply, struct apply_processes *p)
{
    enum { OTHER, WORKERS, OLD } in = OTHER;
    struct khap_str line, rest = reply;
    uint32_t youngest = 0;
    int64_t fewest = INT64_MAX;
    bool told = false;
    *p = (struct apply_processes){0};
    while (scalar_next_line(&rest, &line)) {
        if (line.len > 0 && *line.ptr == '#') {
            in = apply_same(line, WORD("# workers"))       ? WORKERS
                 : apply_same(line, WORD("# old workers")) ? OLD
                                                           : OTHER;
            told |= in != OTHER;
            continue;
        }
        int64_t pid = apply_number(apply_next_word(&line));
        struct khap_str type = apply_next_word(&line);
        int64_t reloads = apply_number(apply_next_word(&line));
        if (apply_same(type, WORD("master"))) {
            p->reloads = (uint32_t)reloads;
            if (apply_same(apply_next_word(&line), WORD("[failed:")))
                p->failed = (uint32_t)apply_number(apply_next_word(&line));
        } else if (pid <= 0 || pid > INT32_MAX || !apply_same(type, WORD("worker"))) {
            continue;
        } else if (in == WORKERS && p->n < APPLY_PROCESSES) {
            p->workers[p->n++] = (uint32_t)pid;
        } else if (in == OLD) {
            p->old++;
            if (reloads < fewest) {
                fewest = reloads;
                youngest = (uint32_t)pid;
            }
        }
    }
    p->serving = p->n > 0 ? p->workers[0] : youngest;
    p->old -= p->n == 0 && youngest > 0;
    return told;
}

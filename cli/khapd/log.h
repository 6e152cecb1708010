/* khapd/log.h - messages on standard error, text or JSON. SPDX-License-Identifier: MIT */
#ifndef KHAPD_LOG_H
#define KHAPD_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct log {
    bool json;
};

/* LEVEL: "info", "warning", "error". */
void log_line(const struct log *log, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines that are a log's already. */
void log_raw(const char *text, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "khapd/log.h"
#include "khapd/pass.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void log_raw(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads it: that must not stop what it tells of */
        text += n;
        len -= (size_t)n;
    }
}

void log_line(const struct log *log, const char *level, const char *format, ...)
{
    char said[2048], when[32] = "";
    struct pass_text line = {0};
    struct timespec t;
    struct tm tm;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(said, sizeof said, format, args);
    va_end(args);
    size_t len = strlen(said);
    while (len > 0 && said[len - 1] == '\n')
        len--;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (gmtime_r(&t.tv_sec, &tm) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    bool good;
    if (log->json) {
        good = text_add_format(&line, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"message\":", when,
                               (int)(t.tv_nsec / 1000000), level) &&
               text_add_json(&line, said, len) && text_add_bytes(&line, "}\n", 2);
    } else {
        for (size_t i = 0; i < len; i++)
            if ((unsigned char)said[i] < 0x20 || said[i] == 0x7f)
                said[i] = '?';
        good = text_add_format(&line, "khapd: %s: ", level) && text_add_bytes(&line, said, len) &&
               text_add_bytes(&line, "\n", 1);
    }
    if (good)
        log_raw(line.ptr, line.len);
    free(line.ptr);
}

/* SPDX-License-Identifier: MIT */
#include <khap/status.h>

const char *khap_status_text(enum khap_status status)
{
    switch (status) {
    case KHAP_OK:
        return "done";
    case KHAP_ENOMEM:
        return "out of memory";
    case KHAP_EINVAL:
        return "invalid argument";
    case KHAP_EINPUT:
        return "unusable input";
    case KHAP_ELIMIT:
        return "a limit was passed";
    case KHAP_EIO:
        return "input or output failed";
    case KHAP_EREFUSED:
        return "refused";
    case KHAP_ENOENT:
        return "not found";
    }
    return "unknown status";
}

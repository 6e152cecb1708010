/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <khap/status.h>

const char *khap_version(void)
{
    return PACKAGE_VERSION;
}

/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <khap/apply.h>

const char *khap_apply_version(void)
{
    return PACKAGE_VERSION;
}

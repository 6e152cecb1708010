/* value/value.h - the small languages of values: times, sizes, addresses, hosts, paths, regexes, expressions, conditions, log formats. SPDX-License-Identifier: MIT */
#ifndef VALUE_VALUE_H
#define VALUE_VALUE_H

#include "value/address.h"
#include "value/host.h"
#include "value/logformat.h"
#include "value/number.h"
#include "value/path.h"
#include "value/regex.h"
#include "value/tree.h"

#include <khap/cfg.h>

#endif

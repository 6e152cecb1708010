/*
 * khap/khap.h - everything that libkhap offers, in one header
 *
 * <khap/apply.h>, <khap/kube.h> and <khap/cluster.h> belong to libraries of their own and are not part of this one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef KHAP_KHAP_H
#define KHAP_KHAP_H

#include <khap/status.h>
#include <khap/diag.h>
#include <khap/yaml.h>
#include <khap/cfg.h>
#include <khap/value.h>
#include <khap/schema.h>
#include <khap/view.h>
#include <khap/check.h>
#include <khap/graph.h>
#include <khap/migrate.h>
#include <khap/route.h>
#include <khap/routes.h>
#include <khap/cert.h>
#include <khap/model.h>
#include <khap/diff.h>
#include <khap/gen.h>
#include <khap/import.h>

/** The version of these headers; khap_version() is the version of the library that runs. */
#define KHAP_VERSION "0.1.0"

#endif

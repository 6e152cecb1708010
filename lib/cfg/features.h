/* cfg/features.h - the parts that a HAProxy may be built with or without. SPDX-License-Identifier: MIT */
#ifndef CFG_FEATURES_H
#define CFG_FEATURES_H

#include <khap/cfg.h>

/*
 * X(NAME, field, names, with, without, first, text): `needs-NAME` of the schema in lower case; the field of khap_target; the names in the feature list of
 * `haproxy -vv`; lines of it that say the same in releases whose list lacks it; the first release that can have it; what a person calls it.
 */
#define KHAP__FEATURES(X)                                                                                    \
    X(SSL, openssl, "OPENSSL SSL", "Built with OpenSSL version", "Built without OpenSSL support", 105,       \
      "TLS")                                                                                                 \
    X(PROMEX, prometheus, "PROMEX", "Built with the Prometheus exporter as a service", "", 200,              \
      "the Prometheus exporter")                                                                             \
    X(QUIC, quic, "QUIC", "", "", 203, "QUIC")                                                               \
    X(PCRE, pcre, "PCRE2 PCRE", "Built with PCRE", "Built without PCRE", 105, "PCRE")                        \
    X(LUA, lua, "LUA", "Built with Lua version", "Built without Lua support", 106, "Lua")                    \
    X(ENGINE, engine, "ENGINE", "", "", 108, "engines of OpenSSL")                                           \
    X(NS, ns, "NS", "Built with network namespace support", "", 106, "network namespaces")                   \
    X(ZLIB, zlib, "ZLIB", "Built with zlib version", "Built without zlib support", 105, "zlib")              \
    X(OT, ot, "OT", "Built with OpenTracing support", "", 204, "OpenTracing")                                \
    X(51DEGREES, degrees51, "51DEGREES", "Built with 51Degrees", "", 106, "51Degrees")                       \
    X(DEVICEATLAS, deviceatlas, "DEVICEATLAS", "Built with DeviceAtlas", "", 106, "DeviceAtlas")             \
    X(WURFL, wurfl, "WURFL", "Built with WURFL", "", 107, "WURFL")

enum khap__build {
    BUILD_NONE,
#define KHAP__FEATURE(name, field, names, with, without, first, text) BUILD_##name,
    KHAP__FEATURES(KHAP__FEATURE)
#undef KHAP__FEATURE
        BUILD_COUNT
};

/* What is known of a part: BUILD_SSL … */
enum khap_feature khap__feature(const struct khap_target *target, unsigned build);
struct khap_str khap__feature_text(unsigned build);

#endif

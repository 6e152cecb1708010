/* khapgen/password.h - passwords of userlists, and digests, where crypt(3) and libcrypto are there. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_PASSWORD_H
#define KHAPGEN_PASSWORD_H

#include <khap/route.h>

/* Sets what says whether a password is right, and what makes digests; what this was built without stays unknown. */
void password_reader(struct khap_route_options *options);

#endif

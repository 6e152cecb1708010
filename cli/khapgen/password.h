/* khapgen/password.h - passwords of userlists, where crypt(3) is there. SPDX-License-Identifier: MIT */
#ifndef KHAPGEN_PASSWORD_H
#define KHAPGEN_PASSWORD_H

#include <khap/route.h>

/* Sets what says whether a password is right; without crypt(3) nothing, so that it is unknown. */
void password_reader(struct khap_route_options *options);

#endif

/* khapd/daemon.h - the loop. SPDX-License-Identifier: MIT */
#ifndef KHAPD_DAEMON_H
#define KHAPD_DAEMON_H

#include "khapd/settings.h"

/* Follows until SIGTERM. Takes the settings over. EXIT_… */
int daemon_run(struct settings *settings);

#endif

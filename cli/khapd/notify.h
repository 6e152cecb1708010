/* khapd/notify.h - what systemd is told: sd_notify(3)'s protocol, without its library. SPDX-License-Identifier: MIT */
#ifndef KHAPD_NOTIFY_H
#define KHAPD_NOTIFY_H

#include <stdint.h>

/* Sends it to $NOTIFY_SOCKET, where there is one. Never waits. */
void notify(const char *text);
/* How often WATCHDOG=1 is to be sent, in milliseconds; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif

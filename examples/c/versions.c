/*
 * versions.c - which libraries a program runs with
 *
 *   cc versions.c $(pkg-config --cflags --libs libkhap-apply) -o versions
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <khap/apply.h>
#include <khap/khap.h>

int main(void)
{
    printf("headers %s, libkhap %s, libkhap-apply %s\n", KHAP_VERSION, khap_version(), khap_apply_version());
    /* both libraries come from one package */
    return strcmp(khap_version(), khap_apply_version()) != 0;
}

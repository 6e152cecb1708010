/* base/utf8.h - reading UTF-8 a character at a time, and what a terminal makes of a character.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* The length (1 to 4) of the character that begins the n bytes at p, and the character; 0 when it is no
 * UTF-8, or n is 0. */
unsigned khap__utf8_decode(const char *p, size_t n, uint32_t *character);

/* Columns of a terminal: 0 for combining marks, 2 for wide characters, else 1. Not for control characters. */
unsigned khap__utf8_width(uint32_t character);

/* Whether showing the character could mislead: controls, direction overrides, line separators, invisible
 * marks. */
bool khap__utf8_hidden(uint32_t character);

/*
 * Adds one character as people can see it: itself, or \n, \t, \x1b, \u202e. `n` bytes are there; returns how
 * many it took (0 when n is 0), and the columns it fills in *width (NULL allowed).
 */
unsigned khap__buf_visible(struct buf *b, const char *p, size_t n, unsigned *width);

/* Adds all of s that way; what is longer than max bytes is cut at a character and ends in "...". */
void khap__buf_add_visible(struct buf *b, struct khap_str s, size_t max);

#endif

/* cfg/words.h - the words of a line that was read, for layers above. SPDX-License-Identifier: MIT */
#ifndef CFG_WORDS_H
#define CFG_WORDS_H

#include "cfg/lex.h"

/* All of them at once; as long as the line is not another. */
const struct lex_line *khap__words_lexed(const struct khap_words *words);

#endif

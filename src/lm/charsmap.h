/* charsmap.h - SentencePiece's precompiled table of character changes (its normalization rules). */
#ifndef DIFFTF_LM_CHARSMAP_H
#define DIFFTF_LM_CHARSMAP_H

#include "base/memory.h"
#include "base/status.h"

struct charsmap;

/* From base64: the length of a double array (Aoe 1989; the layout of darts-clone), the array, then the replacements.
 * `longest`: at every place the longest match counts, as SentencePiece does; else what the tokenizers library makes of it: whole
 * short graphemes, then characters, each by its shortest match. */
enum status charsmap_from_base64(struct charsmap **map, const char *text, bool longest, const char *path, struct error *err);
void charsmap_free(struct charsmap *map);
/* Appends the changed text. */
bool charsmap_apply(const struct charsmap *map, struct text *out, const char *text, size_t length);

#endif

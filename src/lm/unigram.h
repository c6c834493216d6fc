/* unigram.h - the likeliest cut of a text into pieces: Unigram models of SentencePiece (Kudo 2018). */
#ifndef DIFFTF_LM_UNIGRAM_H
#define DIFFTF_LM_UNIGRAM_H

#include "lm/id_list.h"
#include "lm/vocabulary.h"

/* Appends the ids of the likeliest cut, found by dynamic programming; false when out of memory. */
bool unigram_encode(const struct vocabulary *v, const char *bytes, size_t n, struct ids *out);

#endif

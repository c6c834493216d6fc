/* to_diff.h - difftf-convert --to-diff: a Transformer's folder as a Diff Transformer's. */
#ifndef DIFFTF_TOOLS_TO_DIFF_H
#define DIFFTF_TOOLS_TO_DIFF_H

#include "base/status.h"

#include <stddef.h>

struct to_diff {
    const char *way;     /* as differential_find knows it */
    const char *text;    /* UTF-8 file that sizes and losses are measured on; NULL: the haystack that comes with the program */
    const size_t *heads; /* [n_heads] heads of every layer to extend (dex) */
    size_t n_heads;      /* 0: all */
};

/* Writes the folder, the tokenizer with it, and prints what it has become: parameters, the largest difference of the logits, and
 * the loss of both models on the text where there is a tokenizer. */
enum status to_diff(const struct to_diff *t, const char *from, const char *folder, struct error *err);

#endif

/* haystack.h - long text to hide things in: a file or a folder of files. */
#ifndef DIFFTF_SUITE_HAYSTACK_H
#define DIFFTF_SUITE_HAYSTACK_H

#include "base/random.h"
#include "lm/tokenizer.h"

struct haystack {
    char *text;
    size_t length;
    size_t *sentences; /* byte offsets where a sentence begins */
    size_t n_sentences;
    char sha256[65];
};

/* Reads a text file, or every file of a folder in the order of names, one after another. */
enum status haystack_load(struct haystack *h, const char *path, struct error *err);
void haystack_free(struct haystack *h);
/* Appends exactly n tokens of text that begins at a sentence drawn at random and wraps around at the end. */
enum status haystack_tokens(const struct haystack *h, const struct tokenizer *tokenizer, struct rng *rng, size_t n,
                            struct ids *out, struct error *err);

#endif

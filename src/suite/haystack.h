/* haystack.h - long text to hide things in: a file or a folder of files. */
#ifndef DIFFTF_SUITE_HAYSTACK_H
#define DIFFTF_SUITE_HAYSTACK_H

#include "base/memory.h"
#include "base/status.h"

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
/* Does a sentence end before byte `at`? After . ! ? and blank space, a line break, or their like in Chinese and Japanese. */
bool haystack_sentence_ends(const char *text, size_t length, size_t at);
/* Appends `bytes` bytes of text, or one or two fewer so that it ends with a whole character, from byte `start` on; wraps around
 * at the end. */
enum status haystack_text(const struct haystack *h, size_t start, size_t bytes, struct text *out, struct error *err);

#endif

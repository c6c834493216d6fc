/* corpus.h - the books that training text is drawn from. */
#ifndef DIFFTF_TRAIN_CORPUS_H
#define DIFFTF_TRAIN_CORPUS_H

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

struct book {
    char *path, *text;
    size_t length;
};
struct corpus {
    struct book *books;
    size_t n, total;
    uint64_t digest; /* of the texts */
    bool validation; /* draw from the last part of each book instead of the rest */
};

/* Reads UTF-8 text files. */
enum status corpus_load(struct corpus *corpus, const char *const *paths, size_t n, struct error *err);
void corpus_free(struct corpus *corpus);
/* Appends about `length` bytes of consecutive text from a place drawn at random (books by size), from the start of a line or
 * sentence to the end of a sentence. */
void corpus_passage(const struct corpus *corpus, struct rng *rng, size_t length, struct text *out);

#endif

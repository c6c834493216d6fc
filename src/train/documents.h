/* documents.h - training documents made from seeds: real text, and text that can only be continued by looking back. */
#ifndef DIFFTF_TRAIN_DOCUMENTS_H
#define DIFFTF_TRAIN_DOCUMENTS_H

#include "train/corpus.h"

struct document_kind {
    const char *name, *summary;
    /* Appends one document of about `length` bytes. */
    void (*write)(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length);
};
enum { DOCUMENT_TEXT, N_DOCUMENT_KINDS = 8 }; /* the first row is plain text */
/* Ends with a row whose name is NULL. */
extern const struct document_kind DOCUMENT_KINDS[N_DOCUMENT_KINDS + 1];

#endif

/* documents.h - training documents made from seeds: real text, and text that can only be continued by looking back. */
#ifndef DIFFTF_TRAIN_DOCUMENTS_H
#define DIFFTF_TRAIN_DOCUMENTS_H

#include "train/corpus.h"

struct document_kind {
    const char *name, *summary;
    /* Appends one document of about `length` bytes. */
    void (*write)(struct text *out, const struct corpus *corpus, struct rng *rng, size_t length);
};
enum { N_DOCUMENT_KINDS = 8 };
/* Ends with a row whose name is NULL. */
extern const struct document_kind DOCUMENT_KINDS[N_DOCUMENT_KINDS + 1];
/* The row of plain text. */
#define DOCUMENT_TEXT (&DOCUMENT_KINDS[0])

#endif

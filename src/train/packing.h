/* packing.h - training sequences: documents one after another until a sequence is full.
 *
 * Every document begins with the end-of-text token, which so ends the one before it too. Sequence number `index` depends on the
 * data seed and its number alone, so the data position of a run is a step count, and two models see the same data in the same
 * order. The validation set is the same for every seed and stage. */
#ifndef DIFFTF_TRAIN_PACKING_H
#define DIFFTF_TRAIN_PACKING_H

#include "train/recipe.h"

enum packing {
    PACK_TRAINING,
    PACK_VALIDATION, /* other documents, from the held-out part of the corpus, of no seed */
};

/* A document of a packed sequence: its ids go from `first` to the next document's. */
struct packed_document {
    size_t first;
    size_t kind; /* its row of DOCUMENT_KINDS */
    bool fill;   /* plain text in the place of a document that had no room */
};

struct packed {
    struct ids ids; /* seq_len + 1 */
    struct packed_document *documents;
    size_t n_documents, capacity;
};
void packed_free(struct packed *packed);

/* Fills `out` with exactly seq_len + 1 ids of the stage's mix. */
enum status pack_sequence(struct packed *out, const struct recipe *recipe, const struct stage *stage, enum packing packing,
                          uint64_t index, struct error *err);

/* Tokens that are predicted (all but the first of a sequence), by kind of document. */
struct token_counts {
    int64_t kinds[N_DOCUMENT_KINDS];
    int64_t fill; /* of them, text that fills up */
};
void packed_count(struct token_counts *counts, const struct packed *packed);

#endif

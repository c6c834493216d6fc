/* packing.h - training sequences: documents one after another until a sequence is full.
 *
 * Sequence number `index` depends on the data seed and its number alone, so the data
 * position of a run is a step count, and two models see the same data in the same order. */
#ifndef DIFFTF_TRAIN_PACKING_H
#define DIFFTF_TRAIN_PACKING_H

#include "train/recipe.h"

enum packing {
    PACK_TRAINING,
    PACK_VALIDATION
}; /* validation: other documents, from the held-out part of the corpus, of no seed */

/* Fills `out` with exactly seq_len + 1 ids of the stage's mix: each document after an end-of-text token, which begins the first,
 * too. A document that no longer fits gives way to plain text, which fills the sequence up. tokens [DOCUMENT_KINDS] counts each
 * kind's, what fills up as text; may be NULL. */
enum status pack_sequence(struct ids *out, const struct recipe *recipe, const struct stage *stage, enum packing packing,
                          uint64_t index, double *tokens, struct error *err);

#endif

/* packing.h - training sequences: documents one after another until a sequence is full.
 *
 * Sequence number `index` depends on the seed and its number alone, so the data
 * position of a run is a step count, and two models see the same data in the same order. */
#ifndef DIFFTF_TRAIN_PACKING_H
#define DIFFTF_TRAIN_PACKING_H

#include "train/recipe.h"

/* Fills `out` with exactly seq_len + 1 ids of the stage's mix. `stream` names the purpose ("train", "validation"). */
enum status pack_sequence(struct ids *out, const struct recipe *recipe, const struct corpus *corpus, const struct stage *stage,
                          const char *stream, uint64_t index, struct error *err);

#endif

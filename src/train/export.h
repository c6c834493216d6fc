/* export.h - a training as files, for a trainer elsewhere: the very sequences, the first weights, the rates of difftf-train.
 *
 * In the folder:
 *   export.json          models (config, list of tensors and how each is drawn), stages, rate of every step, optimizer, seeds
 *   training.gz          the tokens of all steps in order, seq_len + 1 to a sequence, as little-endian 16-bit numbers, gzip
 *   validation.gz        those of the validation
 *   tokenizer/           the tokenizer's files
 *   start/MODEL/         with a recipe that goes on from trained models: these
 *
 * There is no mask beside the tokens, since these tell all: every document begins with the end token, every token but the first
 * of a sequence is predicted, and with `attention` "within_documents" a token sees those from its document's end token on. */
#ifndef DIFFTF_TRAIN_EXPORT_H
#define DIFFTF_TRAIN_EXPORT_H

#include "train/recipe.h"

/* `seed`: of the recipe's `seeds`; NULL where it has none. The files appear whole, export.json last. */
enum status export_write(const struct recipe *recipe, const uint64_t *seed, const char *folder, struct error *err);

#endif

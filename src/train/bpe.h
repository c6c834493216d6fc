/* bpe.h - learns a byte-level BPE vocabulary from text (Sennrich et al. 2016) and writes tokenizer.json in the standard form. */
#ifndef DIFFTF_TRAIN_BPE_H
#define DIFFTF_TRAIN_BPE_H

#include "base/status.h"

#include <stddef.h>

/* Reads the text files, learns merges until `vocab_size` tokens (256 bytes, merges, and the end-of-text token), digits standing
 * one by one, and writes tokenizer.json and tokenizer_config.json into `folder`. */
enum status bpe_train(const char *const *paths, size_t n_paths, size_t vocab_size, const char *folder, struct error *err);

/* The token that ends every document. */
#define END_OF_TEXT "<|endoftext|>"

#endif

/* tokenizer.h - byte-level BPE from a tokenizer.json (Sennrich et al. 2016; Radford et al. 2019).
 *
 * The pipeline of the tokenizers library: added tokens are cut out of the text
 * first; pre-tokenizer stages (PCRE2 patterns whose matches stand alone) cut
 * the rest into pieces; each piece is merged, lowest rank first.  Immutable
 * after loading and shared by threads.
 */
#ifndef DIFFTF_LM_TOKENIZER_H
#define DIFFTF_LM_TOKENIZER_H

#include "base/memory.h"
#include "base/status.h"
#include "lm/id_list.h"

#include <stdbool.h>
#include <stdint.h>

struct tokenizer;

/* Does a model folder hold a tokenizer? */
bool tokenizer_exists(const char *folder);
/* Reads tokenizer.json, tokenizer.model (SentencePiece) or a .tiktoken file from a model folder. */
enum status tokenizer_load(struct tokenizer **tokenizer, const char *folder, struct error *err);
void tokenizer_free(struct tokenizer *tokenizer);

/* Appends the ids of UTF-8 text; `special` adds what the post-processor puts around a text. */
enum status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length, bool special, struct ids *out,
                             struct error *err);
/* Appends the text of the ids; special tokens are left out unless `special`. Unknown ids give nothing. Tokenizers that put a
 * blank in front of a text lose it again where `out` is empty. */
enum status tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n, bool special, struct text *out,
                             struct error *err);

/* What one token stands for within a text (with the blank that decoding drops at its start); not owned. Nothing for
 * ids that it does not have: a model's vocabulary may be larger. */
const char *tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, size_t *length);

/* The token that the tokenizer itself puts before every text (BOS), or -1. */
int32_t tokenizer_bos(const struct tokenizer *tokenizer);
/* One more than the largest id. */
size_t tokenizer_size(const struct tokenizer *tokenizer);
/* How many added tokens it has beyond the rows of a model's embedding: texts may not use them. */
size_t tokenizer_beyond(const struct tokenizer *tokenizer, size_t vocab_size);
/* An error when it has more tokens of its vocabulary than the model's embedding has rows; `folder` names the model. */
enum status tokenizer_fits(const struct tokenizer *tokenizer, size_t vocab_size, const char *folder, struct error *err);
size_t tokenizer_n_merges(const struct tokenizer *tokenizer);
/* SHA-256 of its file, hexadecimal. */
const char *tokenizer_sha256(const struct tokenizer *tokenizer);
/* The id of an added token by its text, or -1. */
int32_t tokenizer_added(const struct tokenizer *tokenizer, const char *content);

#endif

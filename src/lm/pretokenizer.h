/* pretokenizer.h - cuts text into the pieces within which BPE merges. */
#ifndef DIFFTF_LM_PRETOKENIZER_H
#define DIFFTF_LM_PRETOKENIZER_H

#include "base/status.h"
#include "formats/json.h"
#include "lm/normalizer.h"

#include <stdbool.h>
#include <stddef.h>

struct pretokenizer;

/* From the `pre_tokenizer` of a tokenizer.json: ByteLevel, Digits, Split, Metaspace, or a Sequence of them; null: the text is one
 * piece. What Metaspace changes in the text goes to the normalizer. */
enum status pretokenizer_from_json(struct pretokenizer **p, const cJSON *json, struct normalizer *normalizer, const char *path,
                                   struct error *err);
void pretokenizer_free(struct pretokenizer *p);
/* Do the vocabulary's strings stand for bytes (ByteLevel), or for themselves? */
bool pretokenizer_is_byte_level(const struct pretokenizer *p);
/* Does the first piece of a text get a space in front? */
bool pretokenizer_adds_space(const struct pretokenizer *p);
/* Calls `piece` for each piece in order, until it returns false. */
enum status pretokenizer_split(const struct pretokenizer *p, const char *text, size_t length,
                               bool (*piece)(void *context, const char *text, size_t length), void *context, struct error *err);

#endif

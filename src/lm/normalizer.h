/* normalizer.h - changes to a text before it is cut into tokens: the `normalizer` of a tokenizer.json, and the part of a
 * Metaspace pre-tokenizer that changes characters. */
#ifndef DIFFTF_LM_NORMALIZER_H
#define DIFFTF_LM_NORMALIZER_H

#include "base/memory.h"
#include "base/status.h"
#include "formats/json.h"

struct normalizer;

/* Prepend, Replace (of a string), NFC, NFD, NFKC, NFKD, Lowercase, Strip, or a Sequence of them; json may be NULL or null:
 * nothing. */
enum status normalizer_from_json(struct normalizer **n, const cJSON *json, const char *path, struct error *err);
/* Adds what Metaspace does: blanks become `replacement`, one is put in front of every text (or the first) that has none. */
enum status normalizer_add_metaspace(struct normalizer *n, const cJSON *json, const char *path, struct error *err);
void normalizer_free(struct normalizer *n);
bool normalizer_is_empty(const struct normalizer *n);
/* Appends the changed text; `first`, `last`: nothing stands before it, after it. */
enum status normalizer_apply(const struct normalizer *n, struct text *out, const char *text, size_t length, bool first, bool last,
                             struct error *err);

/* Appends text with every `from` replaced by `to`. */
bool text_replace(struct text *out, const char *text, size_t length, const char *from, const char *to);

#endif

/* tokenizer_parts.h - what a tokenizer consists of, for reading it (tokenizer_build.c, tokenizer_file.c) and encoding with it
 * (tokenizer.c). */
#ifndef DIFFTF_LM_TOKENIZER_PARTS_H
#define DIFFTF_LM_TOKENIZER_PARTS_H

#include "lm/added.h"
#include "lm/id_list.h"
#include "lm/normalizer.h"
#include "lm/pretokenizer.h"
#include "lm/vocabulary.h"

struct tokenizer {
    struct normalizer *normalizer;
    struct normalizer *blanks; /* what a Metaspace changes, after added tokens are found */
    struct pretokenizer *pretokenizer;
    struct vocabulary vocabulary;
    bool strip_first; /* decoding drops one blank before the text */
    struct added *added;
    size_t n_added;
    struct added_trie *verbatim, *normalized; /* found in the text as it is; in what the normalizer makes of it */
    struct ids prefix, suffix;                /* what the post-processor adds */
    char sha256[65];
};

/* Fills it from the tree of a tokenizer.json; what is filled by the time of an error is the caller's to free, too. */
enum status tokenizer_build(struct tokenizer *t, const cJSON *root, const char *path, struct error *err);

#endif

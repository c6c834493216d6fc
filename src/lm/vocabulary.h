/* vocabulary.h - the tables behind a tokenizer, shared by reading (tokenizer_file.c) and encoding (tokenizer.c) and by nobody
 * else. */
#ifndef DIFFTF_LM_VOCABULARY_H
#define DIFFTF_LM_VOCABULARY_H

#include "lm/pretokenizer.h"
#include "lm/tokenizer.h"

struct piece {
    char *bytes; /* what the vocabulary knows it by; NULL: an added token alone */
    size_t length;
    char *text; /* what it decodes to; NULL: bytes */
    size_t text_length;
    bool special; /* an added token that decoding leaves out */
};

struct added {
    char *content;
    size_t length;
    int32_t id;
    bool special, lstrip, rstrip;
};

/* Open addressing: merge (left, right) -> rank and result. */
struct merge {
    int32_t left, right, rank, result;
};

struct tokenizer {
    struct normalizer *normalizer;
    struct pretokenizer *pretokenizer;
    bool byte_level, byte_fallback, strip_first; /* strip_first: decoding drops one blank before the text */
    int32_t unknown;                             /* for characters without tokens or bytes; -1: they are dropped */
    bool fuse_unknown;                           /* several unknown ones are one */
    struct piece *pieces;                        /* by id */
    size_t n_pieces;
    int32_t *by_bytes; /* hash table of ids, -1 empty */
    struct merge *merges;
    size_t table_mask, merge_mask, n_merges;
    int32_t byte_id[256];
    struct added *added; /* longest first */
    size_t n_added;
    struct ids prefix, suffix; /* what the post-processor adds */
    bool ignore_merges;
    char sha256[65];
};

/* Where a piece's search in by_bytes begins. */
size_t vocabulary_slot(const struct tokenizer *t, const char *bytes, size_t n);
/* The id of a piece, or -1. */
int32_t vocabulary_find(const struct tokenizer *t, const char *bytes, size_t n);
/* The slot of a merge: with rank -1 when there is no such merge. */
struct merge *vocabulary_merge(const struct tokenizer *t, int32_t left, int32_t right);

#endif

/* vocabulary.h - the tables behind a tokenizer, shared by reading (tokenizer_file.c) and encoding (tokenizer.c) and by nobody
 * else. */
#ifndef DIFFTF_LM_VOCABULARY_H
#define DIFFTF_LM_VOCABULARY_H

#include "formats/json.h"
#include "lm/added.h"
#include "lm/pretokenizer.h"
#include "lm/tokenizer.h"

struct piece {
    char *bytes; /* what the vocabulary knows it by; NULL: an added token alone */
    size_t length;
    char *text; /* what it decodes to; NULL: bytes */
    size_t text_length;
    bool special; /* an added token that decoding leaves out */
    bool whole;   /* its own bytes are merged into it: no merging needed */
    double score; /* Unigram: log probability; other vocabularies whose merges follow from it: the order */
};

/* Open addressing: merge (left, right) -> rank and result. */
struct merge {
    int32_t left, right, rank, result;
};

struct tokenizer {
    struct normalizer *normalizer;
    struct normalizer *blanks; /* what a Metaspace changes, after added tokens are found */
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
    struct added *added;
    size_t n_added;
    struct added_trie *verbatim, *normalized; /* found in the text as it is; in what the normalizer makes of it */
    char *word_end, *word_inside;             /* what the vocabulary has behind a word's last part, before all but its first */
    struct ids prefix, suffix;                /* what the post-processor adds */
    bool ignore_merges;
    bool single;         /* Unigram: scores are summed as floats, as SentencePiece does */
    bool unigram;        /* the likeliest cut instead of merges */
    bool cuts_words;     /* no token has a blank's stand-in after another character: words are merged one by one */
    double lowest_score; /* Unigram: of all pieces */
    size_t longest;      /* bytes of the longest piece */
    char sha256[65];
};

/* Where a piece's search in by_bytes begins, from its bytes or from their FNV-1a hash. */
size_t vocabulary_slot(const struct tokenizer *t, const char *bytes, size_t n);
size_t vocabulary_slot_of(const struct tokenizer *t, uint64_t hash);
/* The id of a piece, or -1. */
int32_t vocabulary_find(const struct tokenizer *t, const char *bytes, size_t n);
int32_t vocabulary_find_at(const struct tokenizer *t, size_t slot, const char *bytes, size_t n);
/* The slot of a merge: with rank -1 when there is no such merge. */
struct merge *vocabulary_merge(const struct tokenizer *t, int32_t left, int32_t right);

/* `model.vocab`: {string: id}, or [[string, score], ..] whose ids are their places; and the ids of the added tokens. */
enum status vocabulary_read(struct tokenizer *t, const cJSON *vocab, const cJSON *added, const char *path, struct error *err);
/* `model.merges`. */
enum status vocabulary_read_merges(struct tokenizer *t, const cJSON *merges, const char *path, struct error *err);
/* Merges of a vocabulary that lists none (tiktoken, SentencePiece): any two pieces whose join is a piece, best score first. */
enum status vocabulary_derive_merges(struct tokenizer *t, const char *path, struct error *err);

/* Appends the ids of the likeliest cut of a text into pieces (Kudo 2018, by dynamic programming). */
bool unigram_encode(const struct tokenizer *t, const char *bytes, size_t n, struct ids *out);
/* Marks the pieces that merging their own bytes gives back whole, and finds whether words can be merged one by one. */
enum status tokenizer_mark_whole(struct tokenizer *t, struct error *err);
/* Bytes of the UTF-8 character with this first byte. */
size_t utf8_width(char lead);

#endif

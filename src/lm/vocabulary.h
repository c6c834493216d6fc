/* vocabulary.h - the pieces of a tokenizer and how they merge: the tables that encoding works on. */
#ifndef DIFFTF_LM_VOCABULARY_H
#define DIFFTF_LM_VOCABULARY_H

#include "base/status.h"
#include "formats/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct vocabulary {
    bool byte_level;      /* its strings stand for bytes */
    bool unigram;         /* the likeliest cut instead of merges */
    bool single;          /* Unigram: scores are summed as floats, as SentencePiece does */
    bool byte_fallback;   /* characters without tokens become bytes */
    bool fuse_unknown;    /* several unknown ones are one */
    bool ignore_merges;   /* a piece that is a token is that token */
    bool cuts_words;      /* no token has a blank's stand-in after another character: words are merged one by one */
    int32_t unknown;      /* for characters without tokens or bytes; -1: they are dropped */
    struct piece *pieces; /* by id */
    size_t n_pieces;
    int32_t *by_bytes; /* hash table of ids, -1 empty */
    struct merge *merges;
    size_t table_mask, merge_mask, n_merges;
    int32_t byte_id[256];
    char *word_end, *word_inside; /* what stands behind a word's last part, before all but its first; NULL: nothing */
    double lowest_score;          /* Unigram: of all pieces */
    size_t longest;               /* bytes of the longest piece */
};

/* Where a piece's search in by_bytes begins, from its bytes or from their FNV-1a hash. */
size_t vocabulary_slot(const struct vocabulary *v, const char *bytes, size_t n);
size_t vocabulary_slot_of(const struct vocabulary *v, uint64_t hash);
/* The id of a piece, or -1. */
int32_t vocabulary_find(const struct vocabulary *v, const char *bytes, size_t n);
int32_t vocabulary_find_at(const struct vocabulary *v, size_t slot, const char *bytes, size_t n);
/* The slot of a merge: with rank -1 when there is no such merge. */
struct merge *vocabulary_merge(const struct vocabulary *v, int32_t left, int32_t right);

/* `model.vocab`: {string: id}, or [[string, score], ..] whose ids are their places; and the ids of the added tokens. */
enum status vocabulary_read(struct vocabulary *v, const cJSON *vocab, const cJSON *added, const char *path, struct error *err);
/* `model.merges`. */
enum status vocabulary_read_merges(struct vocabulary *v, const cJSON *merges, const char *path, struct error *err);
/* Merges of a vocabulary that lists none (tiktoken, SentencePiece): any two pieces whose join is a piece, best score first. */
enum status vocabulary_derive_merges(struct vocabulary *v, const char *path, struct error *err);

void vocabulary_free(struct vocabulary *v);

/* Bytes of the UTF-8 character with this first byte. */
size_t utf8_width(char lead);

#endif

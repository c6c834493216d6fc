/* ngrams.h - which n-grams of tokens have been seen, and how often. */
#ifndef DIFFTF_LM_NGRAMS_H
#define DIFFTF_LM_NGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hash table of 64-bit keys that grows; two n-grams fall together with a chance of 2^-64 a pair. */
struct ngrams {
    uint64_t *keys; /* 0: empty */
    uint32_t *counts;
    size_t capacity, used;
};
/* How often it was added. */
uint32_t ngrams_count(const struct ngrams *g, const int32_t *ids, size_t n);
/* Adds one; false when out of memory. */
bool ngrams_add(struct ngrams *g, const int32_t *ids, size_t n);
void ngrams_free(struct ngrams *g);

#endif

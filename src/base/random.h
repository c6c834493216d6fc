/* random.h - named streams of random numbers.
 *
 * Every random choice comes from a stream derived from (seed, name, index), so
 * that adding an item changes no other.  The generator is SplitMix64 (Steele,
 * Lea and Flood 2014): a counter through a bijective hash.
 */
#ifndef DIFFTF_BASE_RANDOM_H
#define DIFFTF_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

struct rng rng_stream(uint64_t seed, const char *name, uint64_t index);
uint64_t rng_u64(struct rng *rng);
/* Uniform in 0 .. n-1, without bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);
/* Standard normal (Box-Muller). */
double rng_normal(struct rng *rng);
/* A random order of 0 .. n-1 (Fisher-Yates). */
void rng_permutation(struct rng *rng, size_t *order, size_t n);
/* FNV-1a over n bytes, continuing from `hash` (HASH_START at first): for tables and digests, not against an adversary. */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t n);
/* The SplitMix64 finaliser: a well-mixed hash of one number. */
uint64_t hash_u64(uint64_t x);

#endif

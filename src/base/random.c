/* random.c - SplitMix64 streams; see random.h. */
#include "base/random.h"

#include <math.h>
#include <string.h>

uint64_t hash_u64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return hash;
}

struct rng rng_stream(uint64_t seed, const char *name, uint64_t index)
{
    uint64_t h = hash_bytes(HASH_START, name, strlen(name));
    return (struct rng){hash_u64(hash_u64(hash_u64(seed) ^ h) ^ index)};
}

uint64_t rng_u64(struct rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15u;
    return hash_u64(rng->state);
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;
    do
        x = rng_u64(rng);
    while (x >= limit);
    return x % n;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *rng)
{
    double u = 1.0 - rng_unit(rng), v = rng_unit(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void rng_permutation(struct rng *rng, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = (size_t)rng_below(rng, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

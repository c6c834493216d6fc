/* ngrams.c - see ngrams.h. */
#include "lm/ngrams.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdlib.h>

static uint64_t key_of(const int32_t *ids, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = hash_u64(h ^ (uint64_t)(uint32_t)ids[i]) + (uint64_t)i + 1;
    return h ? h : 1;
}

static size_t find(const struct ngrams *g, uint64_t key)
{
    size_t i = key & (g->capacity - 1);
    while (g->keys[i] != 0 && g->keys[i] != key)
        i = (i + 1) & (g->capacity - 1);
    return i;
}

uint32_t ngrams_count(const struct ngrams *g, const int32_t *ids, size_t n)
{
    return g->capacity ? g->counts[find(g, key_of(ids, n))] : 0;
}

static bool grow(struct ngrams *g)
{
    struct ngrams larger = {.capacity = g->capacity ? 2 * g->capacity : 1024, .used = g->used};
    larger.keys = mem_array(larger.capacity, sizeof *larger.keys);
    larger.counts = mem_array(larger.capacity, sizeof *larger.counts);
    if (larger.keys == NULL || larger.counts == NULL) {
        ngrams_free(&larger);
        return false;
    }
    for (size_t i = 0; i < g->capacity; i++)
        if (g->keys[i] != 0) {
            size_t to = find(&larger, g->keys[i]);
            larger.keys[to] = g->keys[i];
            larger.counts[to] = g->counts[i];
        }
    free(g->keys);
    free(g->counts);
    g->keys = larger.keys;
    g->counts = larger.counts;
    g->capacity = larger.capacity;
    return true;
}

bool ngrams_add(struct ngrams *g, const int32_t *ids, size_t n)
{
    if (2 * (g->used + 1) > g->capacity && !grow(g))
        return false;
    size_t i = find(g, key_of(ids, n));
    g->used += g->keys[i] == 0;
    g->keys[i] = key_of(ids, n);
    g->counts[i] += g->counts[i] < UINT32_MAX;
    return true;
}

void ngrams_free(struct ngrams *g)
{
    free(g->keys);
    free(g->counts);
    *g = (struct ngrams){0};
}

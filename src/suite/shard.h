/* shard.h - every N-th item of a run, for several machines: --shard I/N. */
#ifndef DIFFTF_SUITE_SHARD_H
#define DIFFTF_SUITE_SHARD_H

#include "suite/item.h"

/* Items index - 1, index - 1 + of, .. of the plan; of = 1: all of them. */
struct shard {
    size_t index, of;
};

/* "I/N" with 1 <= I <= N; NULL: all. */
enum status shard_parse(struct shard *s, const char *text, struct error *err);
/* The ids of all items of a plan, in its order. */
cJSON *shard_ids(const struct plan *plan);
/* Drops the items of other shards. */
void shard_keep(const struct shard *s, struct plan *plan);

#endif

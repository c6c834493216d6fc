/* bench.h - what the rows of the bench share. */
#ifndef DIFFTF_BENCH_H
#define DIFFTF_BENCH_H

#include "formats/json.h"

#include <stddef.h>

struct bench {
    int threads;
    double sgemm, bandwidth; /* GFLOP/s and GB/s of this machine, in this run */
    cJSON *rows;
};

/* Runs `once` (which returns seconds) some times after one that is not counted, and adds and prints a row: the median rate of
 * `work` a run, and its share of the machine: `cost` a run against `limit` a second. work    tokens (or GFLOP) a run,  unit
 * "tokens/s" cost    GFLOP or GB a run,        limit bench->sgemm or bench->bandwidth */
void bench_row(struct bench *b, const char *name, double (*once)(void *context), void *context, int runs, double work,
               const char *unit, double cost, bool memory);

/* Prefill and decoding of a model of 12 layers of 1,024 for both architectures; training of the embedded pair; attention alone.
 */
enum status bench_prefill(struct bench *b, struct error *err);
enum status bench_decode(struct bench *b, struct error *err);
enum status bench_train(struct bench *b, struct error *err);
enum status bench_attention(struct bench *b, struct error *err);

#endif

/* sketch.h - the distribution of absolute values in constant memory, whatever their number.
 *
 * A counter for each exponent and each of 128 steps between powers of two: a
 * quantile is the middle of its counter's range and so wrong by at most
 * SKETCH_ERROR of itself.  The largest values are kept exactly, with their
 * places.  Sketches add up: the order of values, and of sketches, does not matter.
 */
#ifndef DIFFTF_REPORT_SKETCH_H
#define DIFFTF_REPORT_SKETCH_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SKETCH_BUCKETS = 1 << 15, SKETCH_TOP = 100 };
#define SKETCH_ERROR 0.0039

/* A large value and where it stood; what `index` means is the user's: a channel, a key. */
struct extreme {
    float value;
    uint32_t layer, position, index;
};

struct sketch {
    uint64_t *count; /* [SKETCH_BUCKETS] */
    struct extreme top[SKETCH_TOP + 1];
    size_t n_top, keep; /* at most `keep` */
    float least;        /* values below it cannot enter the top */
};
bool sketch_init(struct sketch *s, size_t keep);
void sketch_free(struct sketch *s);
/* Adds |x| of n values; value i stands at `index + i`. Masked ones (not finite) are left out. */
void sketch_add(struct sketch *s, const float *x, size_t n, uint32_t layer, uint32_t position, uint32_t index);

/* {counts: [bucket, count, ..], top: [value, layer, position, index, ..]} */
cJSON *sketch_to_json(const struct sketch *s);
/* Adds what sketch_to_json wrote. */
bool sketch_add_json(struct sketch *s, const cJSON *json);

/* Middle of a bucket's range. */
double sketch_middle(size_t bucket);

#endif

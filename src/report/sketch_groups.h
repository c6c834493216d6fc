/* sketch_groups.h - sketches of several groups, and statistics of any number of times each of them, as a bootstrap asks for. */
#ifndef DIFFTF_REPORT_SKETCH_GROUPS_H
#define DIFFTF_REPORT_SKETCH_GROUPS_H

#include "report/sketch.h"

struct sketch_groups {
    size_t n, n_buckets, *bucket;      /* the buckets that any group has, ascending */
    double *cumulative;                /* [n, n_buckets] values of a group in a bucket and those before it */
    double *count, *squares, *fourths; /* [n] how many values, the sums of their squares and fourth powers */
};

void sketch_groups_init(struct sketch_groups *g, const struct sketch *groups, size_t n);
void sketch_groups_free(struct sketch_groups *g);
/* Values of a group in its i-th bucket. */
double sketch_groups_count(const struct sketch_groups *g, size_t group, size_t i);
/* Of group k `times[k]` times: the q-quantile, NAN when there are no values; a search, not a pass over the buckets. */
double sketch_groups_quantile(const struct sketch_groups *g, const size_t *times, double q);
/* mean(x^4) / mean(x^2)^2: kurtosis about zero; within 1.6 % by the width of the buckets. */
double sketch_groups_kurtosis(const struct sketch_groups *g, const size_t *times);

#endif

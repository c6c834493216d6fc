/* statistics.h - intervals and tests, seeded where they are random. */
#ifndef DIFFTF_REPORT_STATISTICS_H
#define DIFFTF_REPORT_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

struct interval {
    double value, low, high;
};

/* A proportion of n trials (the mean of n scores between 0 and 1) with its 95 % Wilson interval (Wilson 1927). For scores that
 * are shares rather than 0 or 1 the interval is wider than need be, never narrower. */
struct interval wilson(double proportion, size_t n);
/* The mean with a 95 % interval by Student's t. */
struct interval mean_t(const double *x, size_t n);

enum { RESAMPLES = 10000 };

/* The mean of paired differences: percentile bootstrap interval over RESAMPLES resamples, and the two-sided p-value of the
 * sign-flip permutation test (every one of the 2^n flips when that is at most RESAMPLES, else RESAMPLES drawn at random, counted
 * with the +1 correction of Phipson & Smyth 2010). */
struct paired {
    struct interval difference;
    double p_value;
};
struct paired paired_difference(const double *x, const double *y, size_t n, uint64_t seed);

#endif

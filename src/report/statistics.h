/* statistics.h - intervals and tests, seeded where they are random. */
#ifndef DIFFTF_REPORT_STATISTICS_H
#define DIFFTF_REPORT_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 97.5 % quantile of the normal distribution. */
#define Z95 1.959963984540054

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
/* `of_mean` is applied to each mean before they are subtracted (exp for perplexities), NULL: the means themselves; the p-value is
 * that of the means. */
struct paired paired_difference(const double *x, const double *y, size_t n, uint64_t seed, double (*of_mean)(double));

/* The middle 95 % of the finite ones of n resampled values, which are sorted; `out` stays without any. */
void percentiles(struct interval *out, double *values, size_t n);

/* Percentile bootstrap of any statistic of n items: `statistic` gets the indices of a resample; NaN results are left out. */
struct interval bootstrap_items(size_t n, uint64_t seed, double (*statistic)(void *context, const size_t *index, size_t n),
                                void *context);

/* Two-sided p-value of a difference between two models that is no mean: how often it is as large when the models' results are
 * exchanged for random items. `difference` reads *swapped ([n], NULL for the observed one), which this function sets. */
double swap_test(size_t n, uint64_t seed, double (*difference)(void *context, const size_t *index, size_t n), void *context,
                 const bool **swapped);

#endif

/* statistics.h - intervals and tests, seeded where they are random.
 *
 * The units of every function are what was drawn independently: documents, samples, orders, seeds. Below MIN_UNITS there is no
 * interval (NAN). An interval never leaves the range that its values can have.
 */
#ifndef DIFFTF_REPORT_STATISTICS_H
#define DIFFTF_REPORT_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 97.5 % quantile of the normal distribution. */
#define Z95 1.959963984540054

enum {
    MIN_UNITS = 3,
    FLIP_UNITS = 6, /* fewer than these have too few sign flips for a p-value below 0.05 */
    RESAMPLES = 10000
};

struct interval {
    double value, low, high;
};

/* A proportion of n trials (the mean of n scores between 0 and 1) with its 95 % Wilson interval (Wilson 1927). For scores that
 * are shares rather than 0 or 1 the interval is wider than need be, never narrower. */
struct interval wilson(double proportion, size_t n);
/* The mean with a 95 % interval by Student's t. */
struct interval mean_t(const double *x, size_t n);
/* P(T >= t) of Student's distribution. */
double t_tail(double t, double degrees);
/* The t with P(T >= t) = tail, for tails from 0.001 to 0.5. */
double t_quantile(double tail, double degrees);

/* The mean of n independent estimates with their 95 % intervals, each counting the same: the ends by the squares of the
 * estimates' own distances to theirs (MOVER; Zou, Huang and Zhang 2009). Without one of the intervals there is none. */
struct interval mean_of_strata(const struct interval *x, size_t n);
/* The two-sided p-value that agrees with a 95 % interval of a difference: below 0.05 where it leaves out zero. NAN without one.
 */
double p_of_interval(struct interval x);

/* The middle 95 % of the finite ones of n resampled values, which are sorted; `out` stays without any. */
void percentiles(struct interval *out, double *values, size_t n);

/* A statistic of n items, and its 95 % BCa bootstrap interval (Efron 1987): `statistic` gets the indices of a resample; NaN
 * results are left out. */
struct interval bootstrap_items(size_t n, uint64_t seed, double (*statistic)(void *context, const size_t *index, size_t n),
                                void *context);

/* A difference between two models on the same n units. The p-value is that of the sign-flip permutation test, and the interval
 * holds exactly the differences that this test does not reject at 5 % (its inversion: quantiles of the means of subsets, Hartigan
 * 1969), so that both say the same; with fewer than FLIP_UNITS units the interval is Student's, and the p-value decides. Every
 * flip counts where they are at most RESAMPLES, else as many are drawn. */
struct paired {
    struct interval difference;
    double p_value;
    double p_higher, p_lower; /* one-sided: of a difference that is not above zero, not below zero */
};
/* Differences that n independent units made: their mean with Student's interval, and the p-value of the paired t test. */
struct paired paired_t(const double *difference, size_t n);
/* How two means make a difference. */
enum difference_of {
    DIFFERENCE_OF_MEANS,
    DIFFERENCE_OF_PROPORTIONS, /* within -1 .. 1; where all units agree, as wide as Newcombe's interval (1998) for none of n */
    DIFFERENCE_OF_EXPONENTS    /* exp(mean x) - exp(mean y): perplexities */
};
struct paired paired_difference(const double *x, const double *y, size_t n, uint64_t seed, enum difference_of kind);
/* The same of any smooth statistic of n items, by its jackknife pseudo-values (Tukey 1958). */
struct paired paired_statistic(size_t n, uint64_t seed, double (*difference)(void *context, const size_t *index, size_t n),
                               void *context);

/* Two-sided p-value of a difference between two models that is no smooth function of its items (a largest value): how often it is
 * as large when the models' results are exchanged for random items. `difference` reads *swapped ([n], NULL for the observed one),
 * which this function sets. It decides beside a bootstrap interval. */
double swap_test(size_t n, uint64_t seed, double (*difference)(void *context, const size_t *index, size_t n), void *context,
                 const bool **swapped);

/* Holm's step-down correction (1979) of n p-values, in place. */
void holm(double *p, size_t n);

#endif

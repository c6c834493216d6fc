/* paired.c - the difference between two models on the same units; see statistics.h.
 *
 * Under the null each unit's difference is as likely as its negative. Whether the mean of d - delta can be told from zero by
 * flipping signs depends on delta through the means of subsets alone: the sum of the flipped units, sum over S of (d_i - delta),
 * is negative where the mean over S is below delta. So the one-sided p-value at delta is the share of subsets whose mean is at
 * most delta (the empty one counted), and the interval's ends are quantiles of those means. */
#include "report/statistics.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Means of subsets of d, all 2^n - 1 or as many as RESAMPLES drawn at random, sorted. */
static size_t subset_means(double *means, const double *d, size_t n, struct rng rng)
{
    bool exact = n < 14 && (1u << n) <= RESAMPLES;
    size_t rounds = exact ? ((size_t)1 << n) - 1 : RESAMPLES, kept = 0;
    for (size_t r = 1; r <= rounds; r++) {
        double sum = 0;
        size_t members = 0;
        uint64_t bits = r;
        for (size_t i = 0; i < n; i++) {
            if (!exact && i % 64 == 0)
                bits = rng_u64(&rng);
            if (bits >> (i % 64) & 1) {
                sum += d[i];
                members++;
            }
        }
        if (members > 0)
            means[kept++] = sum / (double)members;
    }
    qsort(means, kept, sizeof *means, ascending);
    return kept;
}

/* Subsets (and the empty one) that do not speak against a difference of delta, from either side. */
static double share_at_most(const double *means, size_t n, double delta)
{
    size_t count = 0;
    while (count < n && means[count] <= delta + 1e-12)
        count++;
    return (double)(count + 1) / (double)(n + 1);
}

static double share_at_least(const double *means, size_t n, double delta)
{
    size_t count = 0;
    while (count < n && means[n - 1 - count] >= delta - 1e-12)
        count++;
    return (double)(count + 1) / (double)(n + 1);
}

static struct paired of_differences(const double *d, size_t n, double value, uint64_t seed)
{
    struct paired out = {{value, NAN, NAN}, 1, 1, 1};
    double *means = mem_array(RESAMPLES, sizeof *means);
    if (means == NULL || n == 0) {
        free(means);
        return out;
    }
    size_t kept = subset_means(means, d, n, rng_stream(seed, "sign flip", n));
    out.p_higher = share_at_most(means, kept, 0);
    out.p_lower = share_at_least(means, kept, 0);
    out.p_value = fmin(1, 2 * fmin(out.p_higher, out.p_lower));
    if (n >= FLIP_UNITS) {
        size_t at = (size_t)ceil(0.025 * (double)(kept + 1) - 1e-9) - 1; /* the first that is not rejected, counted from 1 */
        at = at > 0 ? at : 1;
        out.difference.low = means[at - 1];
        out.difference.high = means[kept - at];
    } else if (n >= MIN_UNITS) {
        struct interval t = mean_t(d, n);
        out.difference.low = value + (t.low - t.value);
        out.difference.high = value + (t.high - t.value);
    }
    free(means);
    return out;
}

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : 0;
}

/* Of units that all say the same: what Newcombe's interval for paired proportions is when no pair disagrees. */
static void widen_agreement(struct interval *x, size_t n)
{
    double z2 = Z95 * Z95, half = z2 / ((double)n + z2);
    x->low = x->value - half;
    x->high = x->value + half;
}

struct paired paired_difference(const double *x, const double *y, size_t n, uint64_t seed, enum difference_of kind)
{
    double *d = mem_array(n + 1, sizeof *d), value = mean(x, n) - mean(y, n);
    bool same = true;
    if (d == NULL)
        return (struct paired){{value, NAN, NAN}, 1, 1, 1};
    for (size_t i = 0; i < n; i++) {
        d[i] = x[i] - y[i];
        same = same && d[i] == d[0];
    }
    if (kind == DIFFERENCE_OF_EXPONENTS) {
        double all_x = mean(x, n) * (double)n, all_y = mean(y, n) * (double)n, others = (double)n - 1;
        value = exp(mean(x, n)) - exp(mean(y, n));
        for (size_t i = 0; i < n && n > 1; i++)
            d[i] = (double)n * value - others * (exp((all_x - x[i]) / others) - exp((all_y - y[i]) / others));
    }
    struct paired out = of_differences(d, n, value, seed);
    if (kind == DIFFERENCE_OF_PROPORTIONS && same && n >= MIN_UNITS)
        widen_agreement(&out.difference, n);
    if (kind == DIFFERENCE_OF_PROPORTIONS && n >= MIN_UNITS) {
        out.difference.low = fmax(-1, out.difference.low);
        out.difference.high = fmin(1, out.difference.high);
    }
    free(d);
    return out;
}

struct paired paired_statistic(size_t n, uint64_t seed, double (*difference)(void *, const size_t *, size_t), void *context)
{
    double *pseudo = mem_array(n + 1, sizeof *pseudo);
    size_t *index = mem_array(n + 1, sizeof *index);
    struct paired out = {{NAN, NAN, NAN}, 1, 1, 1};
    for (size_t i = 0; index != NULL && i < n; i++)
        index[i] = i;
    if (index != NULL && pseudo != NULL && n > 0) {
        double value = difference(context, index, n);
        for (size_t i = 0; i < n && n > 1; i++) {
            for (size_t k = 0; k + 1 < n; k++)
                index[k] = k < i ? k : k + 1;
            pseudo[i] = (double)n * value - (double)(n - 1) * difference(context, index, n - 1);
        }
        out = of_differences(pseudo, n > 1 ? n : 0, value, seed);
    }
    free(pseudo);
    free(index);
    return out;
}

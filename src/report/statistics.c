/* statistics.c - see statistics.h. */
#include "report/statistics.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

struct interval wilson(double p, size_t count)
{
    double n = (double)count, z2 = Z95 * Z95;
    if (count == 0)
        return (struct interval){p, 0, 1};
    double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct interval){p, p <= 0 ? 0 : fmax(0, centre - half), p >= 1 ? 1 : fmin(1, centre + half)};
}

/* The 97.5 % quantile of Student's t: exact for 1 and 2 degrees of freedom, else Hill's expansion (1970). */
static double t975(size_t degrees)
{
    static const double small[] = {12.7062047362, 4.30265272975, 3.18244630528, 2.7764451052, 2.57058183661};
    if (degrees <= 5)
        return small[degrees - 1];
    double n = (double)degrees, z = Z95, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : 0;
}

struct interval mean_t(const double *x, size_t n)
{
    double m = mean(x, n), squares = 0;
    if (n < 2)
        return (struct interval){m, m, m};
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - m) * (x[i] - m);
    double half = t975(n - 1) * sqrt(squares / (double)(n - 1) / (double)n);
    return (struct interval){m, m - half, m + half};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void percentiles(struct interval *out, double *x, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            x[kept++] = x[i];
    qsort(x, kept, sizeof *x, ascending);
    if (kept == 0)
        return;
    out->low = x[kept / 40];
    out->high = x[kept - 1 - kept / 40];
}

struct interval bootstrap_items(size_t n, uint64_t seed, double (*statistic)(void *, const size_t *, size_t), void *context)
{
    size_t *index = mem_array(n, sizeof *index);
    double *values = mem_array(RESAMPLES, sizeof *values);
    struct interval out = {NAN, NAN, NAN};
    struct rng rng = rng_stream(seed, "bootstrap items", n);
    if (index != NULL && values != NULL && n > 0) {
        for (size_t i = 0; i < n; i++)
            index[i] = i;
        double value = statistic(context, index, n);
        out = (struct interval){value, value, value};
        for (size_t r = 0; r < RESAMPLES; r++) {
            for (size_t i = 0; i < n; i++)
                index[i] = (size_t)rng_below(&rng, n);
            values[r] = statistic(context, index, n);
        }
        percentiles(&out, values, RESAMPLES);
    }
    free(index);
    free(values);
    return out;
}

static void bootstrap(struct interval *out, const double *x, const double *y, size_t n, struct rng rng, double (*of)(double))
{
    double *differences = mem_array(RESAMPLES, sizeof *differences);
    if (differences == NULL)
        return;
    for (size_t r = 0; r < RESAMPLES; r++) {
        double sum_x = 0, sum_y = 0;
        for (size_t i = 0; i < n; i++) {
            size_t j = (size_t)rng_below(&rng, n);
            sum_x += x[j];
            sum_y += y[j];
        }
        differences[r] = of ? of(sum_x / (double)n) - of(sum_y / (double)n) : (sum_x - sum_y) / (double)n;
    }
    percentiles(out, differences, RESAMPLES);
    free(differences);
}

static double sign_flip(const double *d, size_t n, struct rng rng)
{
    double observed = 0;
    for (size_t i = 0; i < n; i++)
        observed += d[i];
    observed = fabs(observed) - 1e-12;
    bool exact = n < 14 && (1u << n) <= RESAMPLES;
    size_t rounds = exact ? (size_t)1 << n : RESAMPLES, extreme = 0;
    for (size_t r = 0; r < rounds; r++) {
        double sum = 0;
        uint64_t bits = r;
        for (size_t i = 0; i < n; i++) {
            if (!exact && i % 64 == 0)
                bits = rng_u64(&rng);
            sum += (bits >> (i % 64) & 1) ? d[i] : -d[i];
        }
        extreme += fabs(sum) >= observed;
    }
    return exact ? (double)extreme / (double)rounds : (double)(extreme + 1) / (double)(rounds + 1);
}

struct paired paired_difference(const double *x, const double *y, size_t n, uint64_t seed, double (*of_mean)(double))
{
    struct paired out = {.p_value = 1};
    double *d = mem_array(n, sizeof *d);
    if (n == 0 || d == NULL) {
        free(d);
        return out;
    }
    for (size_t i = 0; i < n; i++)
        d[i] = x[i] - y[i];
    double m = of_mean ? of_mean(mean(x, n)) - of_mean(mean(y, n)) : mean(d, n);
    out.difference = (struct interval){m, m, m};
    bootstrap(&out.difference, x, y, n, rng_stream(seed, "bootstrap", n), of_mean);
    out.p_value = sign_flip(d, n, rng_stream(seed, "sign flip", n));
    free(d);
    return out;
}

double swap_test(size_t n, uint64_t seed, double (*difference)(void *, const size_t *, size_t), void *context,
                 const bool **swapped)
{
    size_t *index = mem_array(n, sizeof *index), extreme = 0;
    bool *flags = mem_array(n, sizeof *flags);
    struct rng rng = rng_stream(seed, "swap", n);
    *swapped = NULL;
    if (index == NULL || flags == NULL || n == 0) {
        free(index);
        free(flags);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        index[i] = i;
    double observed = fabs(difference(context, index, n)) - 1e-12;
    *swapped = flags;
    for (size_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < n; i++)
            flags[i] = rng_below(&rng, 2);
        extreme += fabs(difference(context, index, n)) >= observed;
    }
    *swapped = NULL;
    free(index);
    free(flags);
    return (double)(extreme + 1) / (RESAMPLES + 1);
}

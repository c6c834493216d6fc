/* statistics.c - see statistics.h. The difference between two models is in paired.c. */
#include "report/statistics.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

struct interval wilson(double p, size_t count)
{
    double n = (double)count, z2 = Z95 * Z95;
    if (count < MIN_UNITS)
        return (struct interval){p, NAN, NAN};
    double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct interval){p, p <= 0 ? 0 : fmax(0, centre - half), p >= 1 ? 1 : fmin(1, centre + half)};
}

struct interval mean_of_strata(const struct interval *x, size_t n)
{
    double sum = 0, below = 0, above = 0, count = (double)n;
    for (size_t i = 0; i < n; i++) {
        sum += x[i].value;
        below += (x[i].value - x[i].low) * (x[i].value - x[i].low);
        above += (x[i].high - x[i].value) * (x[i].high - x[i].value);
    }
    return (struct interval){sum / count, (sum - sqrt(below)) / count, (sum + sqrt(above)) / count};
}

double p_of_interval(struct interval x)
{
    double error = (x.value > 0 ? x.value - x.low : x.high - x.value) / Z95;
    return x.value == 0 && isfinite(error) ? 1 : erfc(fabs(x.value) / error / sqrt(2));
}

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1), value;
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    value = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[] = {even, odd};
        double step = 1;
        for (int k = 0; k < 2; k++) {
            d = 1 + terms[k] * d;
            c = 1 + terms[k] / c;
            d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
            c = fabs(c) < 1e-300 ? 1e-300 : c;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-14)
            break;
    }
    return value;
}

/* The regularized incomplete beta function I_x(a, b). */
static double beta_share(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double t_tail(double t, double degrees)
{
    double tail = beta_share(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
    return t >= 0 ? tail : 1 - tail;
}

double t_quantile(double tail, double degrees)
{
    double low = 0, high = 1000; /* one degree has 318 at a tail of 0.001 */
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        *(t_tail(middle, degrees) > tail ? &low : &high) = middle;
    }
    return (low + high) / 2;
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
    if (n < MIN_UNITS)
        return (struct interval){m, NAN, NAN};
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - m) * (x[i] - m);
    double half = t_quantile(0.025, (double)(n - 1)) * sqrt(squares / (double)(n - 1) / (double)n);
    return (struct interval){m, m - half, m + half};
}

struct paired paired_t(const double *x, size_t n)
{
    struct interval difference = mean_t(x, n);
    double half = difference.high - difference.value, p = NAN, tail = NAN;
    if (n >= MIN_UNITS && half > 0) {
        double t = difference.value / half * t_quantile(0.025, (double)(n - 1));
        tail = t_tail(t, (double)(n - 1));
        p = 2 * t_tail(fabs(t), (double)(n - 1));
    } else if (n >= MIN_UNITS) /* all are the same: what is not zero is certain */
        p = tail = difference.value == 0 ? 1 : 0;
    return (struct paired){difference, p, tail, 1 - tail};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t keep_finite(double *x, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            x[kept++] = x[i];
    qsort(x, kept, sizeof *x, ascending);
    return kept;
}

void percentiles(struct interval *out, double *x, size_t n)
{
    size_t kept = keep_finite(x, n);
    if (kept == 0)
        return;
    out->low = x[kept / 40];
    out->high = x[kept - 1 - kept / 40];
}

static double normal_cdf(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

/* The quantile of the normal distribution, by bisection: it is asked for a few times only. */
static double normal_quantile(double p)
{
    double low = -8, high = 8;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        *(normal_cdf(middle) < p ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

/* How skewed the statistic is: the sum of cubes of its jackknife influences against their squares. */
static double acceleration(size_t *index, size_t n, double (*statistic)(void *, const size_t *, size_t), void *context)
{
    double *left_out = mem_array(n, sizeof *left_out), m = 0, squares = 0, cubes = 0;
    if (left_out == NULL)
        return 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k + 1 < n; k++)
            index[k] = k < i ? k : k + 1;
        left_out[i] = statistic(context, index, n - 1);
        m += left_out[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double d = m - left_out[i];
        squares += d * d;
        cubes += d * d * d;
    }
    free(left_out);
    return isfinite(cubes) && squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* The bias- and skew-corrected ends among the sorted resampled values. */
static void bca_ends(struct interval *out, const double *x, size_t n, double skew)
{
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < n; i++) {
        below += x[i] < out->value;
        equal += x[i] == out->value;
    }
    double share = ((double)below + (double)equal / 2) / (double)n, half = 0.5 / (double)n;
    double bias = normal_quantile(fmin(fmax(share, half), 1 - half));
    double *ends[] = {&out->low, &out->high};
    for (int side = 0; side < 2; side++) {
        double z = bias + (side ? Z95 : -Z95), at = normal_cdf(bias + z / (1 - skew * z));
        size_t i = (size_t)fmin(fmax(floor(at * (double)n), 0), (double)n - 1);
        *ends[side] = x[i];
    }
    out->low = fmin(out->low, out->value);
    out->high = fmax(out->high, out->value);
}

struct interval bootstrap_items(size_t n, uint64_t seed, double (*statistic)(void *, const size_t *, size_t), void *context)
{
    size_t *index = mem_array(n, sizeof *index);
    double *values = mem_array(RESAMPLES, sizeof *values);
    struct interval out = {NAN, NAN, NAN};
    struct rng rng = rng_stream(seed, "bootstrap items", n);
    for (size_t i = 0; index != NULL && i < n; i++)
        index[i] = i;
    if (index != NULL && n > 0)
        out.value = statistic(context, index, n);
    if (index != NULL && values != NULL && n >= MIN_UNITS) {
        for (size_t r = 0; r < RESAMPLES; r++) {
            for (size_t i = 0; i < n; i++)
                index[i] = (size_t)rng_below(&rng, n);
            values[r] = statistic(context, index, n);
        }
        size_t kept = keep_finite(values, RESAMPLES);
        if (kept > 0)
            bca_ends(&out, values, kept, acceleration(index, n, statistic, context));
    }
    free(index);
    free(values);
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

void holm(double *p, size_t n)
{
    bool *done = calloc(n ? n : 1, sizeof *done);
    double before = 0;
    for (size_t k = 0; done != NULL && k < n; k++) {
        size_t least = n;
        for (size_t i = 0; i < n; i++)
            if (!done[i] && (least == n || p[i] < p[least]))
                least = i;
        done[least] = true;
        before = fmax(before, fmin(1, p[least] * (double)(n - k)));
        p[least] = before;
    }
    free(done);
}

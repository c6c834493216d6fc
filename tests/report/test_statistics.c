/* Intervals and tests against closed forms and published values. */
#include "base/random.h"
#include "report/statistics.h"
#include "suite_main.h"

#include <math.h>

#define NEAR(got, want, tolerance)                                                                                               \
    ck_assert_msg(fabs((got) - (want)) <= (tolerance), #got " is %.9g, expected %.9g", (double)(got), (double)(want))

START_TEST(wilson_matches_published_values)
{
    struct interval a = wilson(81.0 / 263, 263); /* Newcombe 1998, table I, method 3: 0.2553, 0.3662 */
    NEAR(a.low, 0.2553, 5e-5);
    NEAR(a.high, 0.3662, 5e-5);
    struct interval b = wilson(15.0 / 148, 148); /* 0.0624, 0.1605 */
    NEAR(b.low, 0.0624, 5e-5);
    NEAR(b.high, 0.1605, 5e-5);
    struct interval c = wilson(0, 20); /* 0, 0.1611 */
    NEAR(c.low, 0, 0);
    NEAR(c.high, 0.1611, 5e-5);
    struct interval d = wilson(1.0 / 29, 29); /* 0.0061, 0.1718 */
    NEAR(d.low, 0.0061, 5e-5);
    NEAR(d.high, 0.1718, 5e-5);
    struct interval one = wilson(1, 50); /* z^2 / (n + z^2) below one */
    NEAR(one.low, 50 / (50 + 3.841458821), 1e-9);
    NEAR(one.high, 1, 0);
}
END_TEST

START_TEST(student_interval_of_known_samples)
{
    const double two[] = {1, 3}, ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct interval b = mean_t(ten, 10); /* t(9) = 2.262157163, s = 3.027650354 */
    NEAR(b.high, 5.5 + 2.262157163 * 3.027650354 / sqrt(10), 1e-8);
    ck_assert_msg(isnan(mean_t(two, 2).low) && isnan(wilson(0.5, 2).high), "two units have an interval");
    /* scipy.stats.t.sf */
    NEAR(t_tail(1.3, 7), 0.11738391769618862, 1e-12);
    NEAR(t_tail(-0.4, 3), 0.6420324230128149, 1e-12);
    NEAR(t_tail(5.5, 30), 2.8392864725590343e-06, 1e-15);
    NEAR(t_tail(0.2, 1), 0.4371670418109989, 1e-12);
}
END_TEST

START_TEST(sign_flip_counts_exactly_when_it_can)
{
    const double x[] = {1, 1, 1, 1, 1}, y[8] = {0}, mixed[] = {3, -1, 2, 0, 0};
    const double eight[] = {1.2, -0.4, 0.9, 2.1, 0.3, -0.1, 0.8, 1.7}; /* scipy.stats.permutation_test; subsets by brute force */
    NEAR(paired_difference(x, y, 5, 1, DIFFERENCE_OF_MEANS).p_value, 2.0 / 32, 1e-12);
    /* sums at least 4 in size among all flips of 3, 1, 2: +-6 and +-4 (signs of 0 double everything): 4 of 8 */
    NEAR(paired_difference(mixed, y, 5, 1, DIFFERENCE_OF_MEANS).p_value, 4.0 / 8, 1e-12);
    NEAR(paired_difference(y, y, 5, 1, DIFFERENCE_OF_MEANS).p_value, 1, 1e-12);
    struct paired p = paired_difference(eight, y, 8, 1, DIFFERENCE_OF_MEANS);
    NEAR(p.p_value, 0.046875, 1e-12);
    NEAR(p.difference.low, 0.1, 1e-12);
    NEAR(p.difference.high, 1.5666666666666667, 1e-12);
}
END_TEST

START_TEST(sign_flip_draws_when_there_are_many)
{
    double x[200], y[200] = {0};
    for (int i = 0; i < 200; i++)
        x[i] = i % 2 ? 1 : -1;
    NEAR(paired_difference(x, y, 200, 1, DIFFERENCE_OF_MEANS).p_value, 1, 0.1);
    for (int i = 0; i < 200; i++)
        x[i] = 1;
    NEAR(paired_difference(x, y, 200, 1, DIFFERENCE_OF_MEANS).p_value, 2.0 / 10001, 1e-9);
    for (int i = 0; i < 200; i++) /* mean 0.14, standard error about 0.07 */
        x[i] = i < 114 ? 1 : -1;
    NEAR(paired_difference(x, y, 200, 1, DIFFERENCE_OF_MEANS).p_value, 0.0559, 0.01);
}
END_TEST

START_TEST(paired_interval_has_its_width_and_its_seed)
{
    double x[400], y[400] = {0};
    for (int i = 0; i < 400; i++)
        x[i] = i < 200 ? 1 : 0; /* mean 0.5, standard error 0.025 */
    struct paired a = paired_difference(x, y, 400, 7, DIFFERENCE_OF_MEANS),
                  b = paired_difference(x, y, 400, 7, DIFFERENCE_OF_MEANS);
    NEAR(a.difference.value, 0.5, 1e-12);
    NEAR(a.difference.low, 0.5 - 1.96 * 0.025, 0.004);
    NEAR(a.difference.high, 0.5 + 1.96 * 0.025, 0.004);
    NEAR(a.difference.low, b.difference.low, 0);
}
END_TEST

START_TEST(proportions_that_agree_are_not_known_to_be_equal)
{
    double x[20];
    for (int i = 0; i < 20; i++)
        x[i] = 1;
    struct paired p = paired_difference(x, x, 20, 1, DIFFERENCE_OF_PROPORTIONS);
    NEAR(p.difference.high, 0.16112515805, 1e-9); /* z^2 / (n + z^2), Newcombe's interval without a discordant pair */
    NEAR(p.difference.low, -0.16112515805, 1e-9);
    NEAR(p.p_value, 1, 0);
}
END_TEST

START_TEST(holm_corrects_step_by_step)
{
    double p[] = {0.01, 0.04, 0.03, 0.005}; /* Holm 1979: 0.03, 0.06, 0.06, 0.02 */
    const double wanted[] = {0.03, 0.06, 0.06, 0.02};
    holm(p, 4);
    for (int i = 0; i < 4; i++)
        NEAR(p[i], wanted[i], 1e-12);
}
END_TEST

/* Means of two models over items, exchangeable for the swap test. */
struct two {
    const double *x, *y;
    const bool *swapped;
};

static double mean_of_first(void *context, const size_t *index, size_t n)
{
    const struct two *t = context;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += t->x[index[i]];
    return sum / (double)n;
}

static double difference(void *context, const size_t *index, size_t n)
{
    const struct two *t = context;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = t->x[index[i]] - t->y[index[i]];
        sum += t->swapped != NULL && t->swapped[index[i]] ? -d : d;
    }
    return sum / (double)n;
}

START_TEST(statistics_of_items_agree_with_those_of_means)
{
    enum { N = 200 };
    double x[N], y[N];
    struct rng rng = rng_stream(1, "items", 0);
    for (size_t i = 0; i < N; i++) {
        y[i] = rng_normal(&rng);
        x[i] = y[i] + 0.1 * rng_normal(&rng) + 0.015;
    }
    struct two t = {x, y, NULL};
    struct interval b = bootstrap_items(N, 3, mean_of_first, &t), s = mean_t(x, N);
    NEAR(b.value, s.value, 1e-12);
    NEAR(b.low, s.low, 0.02); /* a bootstrap of a mean is close to Student's interval */
    NEAR(b.high, s.high, 0.02);
    struct paired p = paired_difference(x, y, N, 3, DIFFERENCE_OF_MEANS);
    NEAR(swap_test(N, 3, difference, &t, &t.swapped), p.p_value, 0.02); /* the same test by another way */
    struct two same = {x, x, NULL};
    NEAR(swap_test(N, 3, difference, &same, &same.swapped), 1, 0);
}
END_TEST

START_TEST(a_perplexity_is_compared_as_one)
{
    const double x[] = {1, 2, 3}, y[] = {1, 1, 1};
    struct paired p = paired_difference(x, y, 3, 1, DIFFERENCE_OF_EXPONENTS);
    NEAR(p.difference.value, exp(2) - exp(1), 1e-12);
    ck_assert_msg(p.p_value > 0.05, "three units decide with p = %g", p.p_value);
}
END_TEST

/* scipy.stats.bootstrap, method BCa, 200,000 resamples. */
START_TEST(bca_corrects_for_skew)
{
    const double x[] = {0.1, 0.3, 0.2, 5.1, 1.2, 0.7, 2.2, 0.05, 0.9, 3.3, 0.4, 0.6};
    struct two t = {x, x, NULL};
    struct interval b = bootstrap_items(12, 1, mean_of_first, &t);
    NEAR(b.low, 0.62917, 0.02);
    NEAR(b.high, 2.45, 0.06);
}
END_TEST

SUITE_MAIN("statistics", wilson_matches_published_values, student_interval_of_known_samples, sign_flip_counts_exactly_when_it_can,
           sign_flip_draws_when_there_are_many, paired_interval_has_its_width_and_its_seed,
           proportions_that_agree_are_not_known_to_be_equal, holm_corrects_step_by_step,
           statistics_of_items_agree_with_those_of_means, a_perplexity_is_compared_as_one, bca_corrects_for_skew)

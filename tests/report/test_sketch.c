/* The sketch against exact order statistics, and the power-law fit against laws. */
#include "base/random.h"
#include "report/fit.h"
#include "report/sketch_groups.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

enum { N = 20001 };

/* Values of very different sizes; some are zero. */
static void fill(float *x)
{
    struct rng rng = rng_stream(1, "sketch", 0);
    for (size_t i = 0; i < N; i++)
        x[i] = i % 50 == 0 ? 0.0f : (float)(rng_normal(&rng) * exp(4 * rng_normal(&rng)));
}

START_TEST(quantiles_are_within_the_stated_error)
{
    float *x = malloc(N * sizeof *x);
    struct sketch s;
    fill(x);
    ck_assert(sketch_init(&s, 100));
    sketch_add(&s, x, N, 0, 0, 0);
    struct sketch_groups groups, thrice;
    sketch_groups_init(&groups, &s, 1);
    ck_assert(groups.count[0] == N);
    struct sketch both[2] = {s, s};
    sketch_groups_init(&thrice, both, 2);
    for (size_t i = 0; i < N; i++)
        x[i] = fabsf(x[i]);
    qsort(x, N, sizeof *x, by_size);
    for (int percent = 0; percent <= 100; percent += 5) {
        double exact = (double)x[(size_t)floor(percent / 100.0 * (N - 1))],
               got = sketch_groups_quantile(&groups, (size_t[]){1}, percent / 100.0);
        ck_assert_msg(fabs(got - exact) <= SKETCH_ERROR * exact, "the %d %% quantile is %g, exactly %g", percent, got, exact);
        got = sketch_groups_quantile(&thrice, (size_t[]){1, 2}, percent / 100.0); /* each value three times */
        exact = (double)x[(size_t)floor(percent / 100.0 * (3.0 * N - 1)) / 3];
        ck_assert_msg(fabs(got - exact) <= SKETCH_ERROR * exact, "thrice: the %d %% quantile is %g, exactly %g", percent, got,
                      exact);
    }
    for (size_t i = 0; i < 100; i++)
        ck_assert_msg(s.top[i].value == x[N - 1 - i], "the %zu. largest is %g, exactly %g", i + 1, (double)s.top[i].value,
                      (double)x[N - 1 - i]);
    sketch_groups_free(&groups);
    sketch_groups_free(&thrice);
    sketch_free(&s);
    free(x);
}
END_TEST

START_TEST(kurtosis_of_a_normal_distribution_is_three)
{
    struct rng rng = rng_stream(1, "normal", 0);
    struct sketch s;
    float x[1000];
    ck_assert(sketch_init(&s, 1));
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < 1000; i++)
            x[i] = (float)rng_normal(&rng);
        sketch_add(&s, x, 1000, 0, 0, 0);
    }
    struct sketch_groups groups;
    sketch_groups_init(&groups, &s, 1);
    double kurtosis = sketch_groups_kurtosis(&groups, (size_t[]){7});
    ck_assert_msg(fabs(kurtosis - 3) < 0.08, "it is %g", kurtosis);
    sketch_groups_free(&groups);
    sketch_free(&s);
}
END_TEST

START_TEST(parts_add_up_through_json_in_any_order)
{
    float *x = malloc(N * sizeof *x);
    struct sketch whole, parts[3], again[2];
    fill(x);
    ck_assert(sketch_init(&whole, 100) && sketch_init(&again[0], 100) && sketch_init(&again[1], 100));
    sketch_add(&whole, x, N, 2, 7, 0);
    cJSON *json[3];
    for (size_t p = 0; p < 3; p++) {
        ck_assert(sketch_init(&parts[p], 100));
        sketch_add(&parts[p], x + p * (N / 3), N / 3, 2, 7, (uint32_t)(p * (N / 3)));
        json[p] = sketch_to_json(&parts[p]);
    }
    for (size_t p = 0; p < 3; p++) {
        ck_assert(sketch_add_json(&again[0], json[p]));
        ck_assert(sketch_add_json(&again[1], json[2 - p]));
    }
    ck_assert(memcmp(again[0].count, whole.count, SKETCH_BUCKETS * sizeof(uint64_t)) == 0);
    ck_assert(memcmp(again[0].top, again[1].top, 100 * sizeof(struct extreme)) == 0);
    for (size_t i = 0; i < 100; i++)
        ck_assert_uint_eq(again[0].top[i].index, whole.top[i].index);
    cJSON *bad = cJSON_Parse("{\"counts\":[40000,1],\"top\":[]}");
    ck_assert(!sketch_add_json(&again[0], bad));
    cJSON_Delete(bad);
    for (size_t p = 0; p < 3; p++) {
        cJSON_Delete(json[p]);
        sketch_free(&parts[p]);
    }
    sketch_free(&whole);
    sketch_free(&again[0]);
    sketch_free(&again[1]);
    free(x);
}
END_TEST

START_TEST(masked_values_are_left_out)
{
    const float x[] = {1, -INFINITY, -2, INFINITY, NAN};
    struct sketch s;
    ck_assert(sketch_init(&s, 3));
    sketch_add(&s, x, 5, 0, 0, 0);
    size_t counted = 0;
    for (size_t i = 0; i < SKETCH_BUCKETS; i++)
        counted += s.count[i];
    ck_assert_uint_eq(counted, 2);
    ck_assert(s.n_top == 2 && s.top[0].value == 2 && s.top[0].index == 2);
    sketch_free(&s);
}
END_TEST

START_TEST(laws_are_recovered)
{
    static const struct power_law laws[] = {{400, 0.34, 1.69}, {12, 0.05, 0}, {3e5, 1.2, 2.5}, {0.5, 0.8, 0}};
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        double x[7], y[7];
        struct power_law f;
        for (size_t i = 0; i < 7; i++) {
            x[i] = 1e4 * pow(3, (double)i);
            y[i] = power_law_at(&laws[k], x[i]);
        }
        ck_assert(power_law_fit(&f, x, y, 7));
        ck_assert_msg(fabs(f.b - laws[k].b) < 1e-3 * laws[k].b + 1e-4 && fabs(f.c - laws[k].c) < 1e-3,
                      "b %g c %g, expected %g %g", f.b, f.c, laws[k].b, laws[k].c);
        ck_assert(fabs(power_law_inverse(&f, y[3]) / x[3] - 1) < 1e-3);
    }
}
END_TEST

START_TEST(what_cannot_be_fitted_is_refused)
{
    const double x[] = {1, 1, 2, 2}, y[] = {4, 4, 3, 3}, up[] = {1, 2, 3}, at[] = {1, 2, 3};
    struct power_law f;
    ck_assert(!power_law_fit(&f, x, y, 4));
    ck_assert(power_law_fit(&f, at, up, 3)); /* rises: the flat law is the best of those that fall */
    ck_assert(f.a >= 0 && f.c >= 0);
    struct power_law flat = {1, 0.5, 2};
    ck_assert(isnan(power_law_inverse(&flat, 1.9)));
}
END_TEST

SUITE_MAIN("sketch and fit", quantiles_are_within_the_stated_error, kurtosis_of_a_normal_distribution_is_three,
           parts_add_up_through_json_in_any_order, masked_values_are_left_out, laws_are_recovered,
           what_cannot_be_fitted_is_refused)

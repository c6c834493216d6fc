/* Simulations, seeded: how often intervals hold the truth, how often verdicts and whole checks are false. */
#include "base/random.h"
#include "formats/json.h"
#include "report/claims.h"
#include "report/compare.h"
#include "report/report.h"
#include "suite_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 640, MOST = 64 };

/* A unit's difference between two models, whose mean over all units is known. */
struct population {
    const char *name;
    double mean;
    enum difference_of kind;
    double (*draw)(struct rng *rng);
};

static double normal(struct rng *rng)
{
    return 0.3 + rng_normal(rng);
}

static double heavy(struct rng *rng) /* Laplace: long tails */
{
    return log(1 - rng_unit(rng)) - log(1 - rng_unit(rng));
}

static double both_ways(struct rng *rng) /* right or wrong, 10 % for one model only, 10 % for the other */
{
    double u = rng_unit(rng);
    return u < 0.1 ? 1 : u < 0.2 ? -1 : 0;
}

static double one_way(struct rng *rng) /* 20 % for one only, 5 % for the other */
{
    double u = rng_unit(rng);
    return u < 0.2 ? 1 : u < 0.25 ? -1 : 0;
}

static const struct population POPULATIONS[] = {{"normal", 0.3, DIFFERENCE_OF_MEANS, normal},
                                                {"heavy tails", 0, DIFFERENCE_OF_MEANS, heavy},
                                                {"right and wrong, equal", 0, DIFFERENCE_OF_PROPORTIONS, both_ways},
                                                {"right and wrong, better", 0.15, DIFFERENCE_OF_PROPORTIONS, one_way}};

START_TEST(paired_intervals_hold_the_difference_and_agree_with_their_p_value)
{
    static const size_t units[] = {8, 12, 50};
    const double zero[MOST] = {0};
    for (size_t k = 0; k < sizeof POPULATIONS / sizeof *POPULATIONS; k++)
        for (size_t u = 0; u < 3; u++) {
            const struct population *p = &POPULATIONS[k];
            size_t held = 0, n = units[u];
            for (uint64_t r = 0; r < ROUNDS / 4; r++) {
                double x[MOST];
                struct rng rng = rng_stream(r, p->name, n);
                for (size_t i = 0; i < n; i++)
                    x[i] = p->draw(&rng);
                struct paired d = paired_difference(x, zero, n, r, p->kind);
                held += d.difference.low <= p->mean && p->mean <= d.difference.high;
                ck_assert_msg((d.p_value < 0.05) == !(d.difference.low <= 1e-12 && d.difference.high >= -1e-12),
                              "%s, %zu units: p %g and [%g, %g] say different things", p->name, n, d.p_value, d.difference.low,
                              d.difference.high);
            }
            double rate = 4.0 * (double)held / ROUNDS;
            ck_assert_msg(rate >= 0.92, "%s, %zu units: the 95 %% interval holds the truth in %.1f %%", p->name, n, 100 * rate);
            if (k < 2) /* proportions of few units are coarse, and so are held more often */
                ck_assert_msg(rate <= 0.985, "%s, %zu units: the 95 %% interval is too wide, %.1f %%", p->name, n, 100 * rate);
        }
}
END_TEST

START_TEST(means_and_proportions_are_held)
{
    static const size_t units[] = {5, 20, 50};
    for (size_t u = 0; u < 3; u++) {
        size_t mean_held = 0, share_held = 0, n = units[u];
        for (uint64_t r = 0; r < 4 * ROUNDS; r++) {
            double x[MOST], right = 0;
            struct rng rng = rng_stream(r, "single", n);
            for (size_t i = 0; i < n; i++) {
                x[i] = 2 + rng_normal(&rng);
                right += rng_unit(&rng) < 0.7;
            }
            struct interval m = mean_t(x, n), w = wilson(right / (double)n, n);
            mean_held += m.low <= 2 && 2 <= m.high;
            share_held += w.low <= 0.7 && 0.7 <= w.high;
        }
        double rates[] = {(double)mean_held / (4.0 * ROUNDS), (double)share_held / (4.0 * ROUNDS)};
        ck_assert_msg(rates[0] >= 0.935 && rates[0] <= 0.965, "a mean of %zu units is held in %.1f %%", n, 100 * rates[0]);
        ck_assert_msg(rates[1] >= 0.925 && rates[1] <= 0.985, "a proportion of %zu units is held in %.1f %%", n, 100 * rates[1]);
    }
}
END_TEST

/* An average over sets of several sizes and difficulties. */
START_TEST(averages_over_sets_are_held)
{
    static const double share[] = {0.27, 0.33, 0.55, 0.62, 0.78};
    static const size_t units[] = {20, 50, 30, 64, 25};
    enum { SETS = 5 };
    size_t held = 0;
    for (uint64_t r = 0; r < 4 * ROUNDS; r++) {
        struct interval sets[SETS];
        struct rng rng = rng_stream(r, "strata", 0);
        for (size_t k = 0; k < SETS; k++) {
            double right = 0;
            for (size_t i = 0; i < units[k]; i++)
                right += rng_unit(&rng) < share[k];
            sets[k] = wilson(right / (double)units[k], units[k]);
        }
        struct interval mean = mean_of_strata(sets, SETS);
        held += mean.low <= 0.51 && 0.51 <= mean.high;
    }
    double rate = (double)held / (4.0 * ROUNDS);
    ck_assert_msg(rate >= 0.93 && rate <= 0.97, "an average of five sets is held in %.1f %%", 100 * rate);
}
END_TEST

START_TEST(differences_of_averages_are_held_and_agree_with_their_p_value)
{
    enum { SETS = 3, UNITS = 30 };
    const double zero[UNITS] = {0};
    size_t held = 0, seen = 0;
    for (uint64_t r = 0; r < ROUNDS / 4; r++) {
        struct interval equal[SETS], better[SETS];
        for (size_t k = 0; k < SETS; k++) {
            double x[2][UNITS];
            struct rng rng = rng_stream(r, "strata", k + 1);
            for (size_t i = 0; i < UNITS; i++) {
                x[0][i] = both_ways(&rng);
                x[1][i] = one_way(&rng);
            }
            equal[k] = paired_difference(x[0], zero, UNITS, r, DIFFERENCE_OF_PROPORTIONS).difference;
            better[k] = paired_difference(x[1], zero, UNITS, r, DIFFERENCE_OF_PROPORTIONS).difference;
        }
        struct interval same = mean_of_strata(equal, SETS), more = mean_of_strata(better, SETS);
        held += more.low <= 0.15 && 0.15 <= more.high;
        seen += p_of_interval(same) < 0.05;
        ck_assert_msg((p_of_interval(same) < 0.05) == !(same.low <= 0 && same.high >= 0),
                      "p %g and [%g, %g] say different things", p_of_interval(same), same.low, same.high);
    }
    double rate = 4.0 * (double)held / ROUNDS, wrong = 4.0 * (double)seen / ROUNDS;
    ck_assert_msg(rate >= 0.92, "the difference of averages is held in %.1f %%", 100 * rate);
    ck_assert_msg(wrong <= 0.085, "of averages that are equal %.1f %% are seen to differ", 100 * wrong); /* 5 % and two errors */
}
END_TEST

/* A report of needle as a run writes it: right or wrong of n items in each of some settings. */
static cJSON *make_report(uint64_t seed, double accuracy, size_t settings, size_t n)
{
    cJSON *r = cJSON_CreateObject(), *models = cJSON_AddArrayToObject(r, "models"), *model = cJSON_CreateObject();
    cJSON_AddStringToObject(r, "task", "needle");
    cJSON_AddStringToObject(model, "name", "m");
    cJSON_AddItemToArray(models, model);
    cJSON *metrics = cJSON_AddArrayToObject(r, "metrics"), *items = cJSON_AddArrayToObject(r, "items");
    cJSON_AddArrayToObject(r, "data");
    for (size_t s = 0; s < settings; s++) {
        double right = 0;
        for (size_t i = 0; i < n; i++) {
            char id[64];
            struct rng rng = rng_stream(seed, "report", s * n + i);
            double score = rng_unit(&rng) < accuracy;
            right += score;
            snprintf(id, sizeof id, "s=%zu,i=%zu", s, i);
            cJSON *item = cJSON_CreateObject(), *where = cJSON_AddObjectToObject(item, "where");
            cJSON_AddStringToObject(item, "id", id);
            cJSON_AddNumberToObject(where, "length", (double)s);
            cJSON_AddNumberToObject(cJSON_AddObjectToObject(cJSON_AddObjectToObject(item, "results"), "m"), "score", score);
            cJSON_AddItemToArray(items, item);
        }
        struct interval w = wilson(right / (double)n, n);
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", "accuracy");
        cJSON_AddStringToObject(row, "model", "m");
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(row, "where"), "length", (double)s);
        cJSON_AddNumberToObject(row, "value", w.value);
        report_add_interval(row, w);
        cJSON_AddNumberToObject(row, "n", (double)n);
        cJSON_AddStringToObject(row, "better", "higher");
        cJSON_AddStringToObject(row, "field", "score");
        cJSON_AddStringToObject(row, "kind", "proportion");
        cJSON_AddItemToArray(metrics, row);
    }
    return r;
}

/* The share of checks that fail; `accuracy` of the new report, 0.8 of the baseline. */
static double failing_checks(double accuracy, size_t rounds)
{
    size_t failed = 0;
    struct error err = {0};
    for (size_t r = 0; r < rounds; r++) {
        struct checks c = {.results = cJSON_CreateArray()};
        cJSON *now = make_report(2 * r, accuracy, 6, 40), *before = make_report(2 * r + 1, 0.8, 6, 40);
        ck_assert_msg(check_against(&c, now, before, &(struct check_level){0.05, 0, false}, &err) == OK, "%s", err.message);
        failed += c.failed > 0;
        cJSON_Delete(c.results);
        cJSON_Delete(now);
        cJSON_Delete(before);
    }
    return (double)failed / (double)rounds;
}

START_TEST(a_whole_check_of_equal_models_fails_in_one_of_twenty_at_most)
{
    double equal = failing_checks(0.8, 160), worse = failing_checks(0.5, 20);
    ck_assert_msg(equal <= 0.085, "%.1f %% of the checks of equal models fail", 100 * equal); /* 5 % and two standard errors */
    ck_assert_msg(worse >= 0.9, "only %.0f %% of the checks see 0.5 instead of 0.8", 100 * worse);
}
END_TEST

SUITE_MAIN("coverage", paired_intervals_hold_the_difference_and_agree_with_their_p_value, means_and_proportions_are_held,
           averages_over_sets_are_held, differences_of_averages_are_held_and_agree_with_their_p_value,
           a_whole_check_of_equal_models_fails_in_one_of_twenty_at_most)

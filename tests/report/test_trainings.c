/* Reports over trainings: means, Student's intervals and verdicts, beside values worked out by hand and with SciPy. */
#include "base/memory.h"
#include "formats/json.h"
#include "report/claims.h"
#include "report/trainings.h"
#include "report/validate.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

enum { MOST = 8 };
static const char *const PATHS[MOST] = {"a.json", "b.json", "c.json", "d.json", "e.json", "f.json", "g.json", "h.json"};

/* A needle report of one training: the Transformer finds half, the Diff Transformer so much more, at two settings. */
static cJSON *training(int seed, double more, double other)
{
    struct text t = {0};
    const double differences[2] = {more, other};
    text_printf(&t,
                "{\"schema\":\"difftf-eval/report/1\",\"task\":\"needle\",\"version\":\"0\",\"seed\":1,"
                "\"options\":{\"model\":[\"base=%d\"],\"samples\":5},\"digest\":\"%064d\",\"models\":["
                "{\"name\":\"base\",\"n_maps\":1,\"sha256\":\"%064d\"},{\"name\":\"diff\",\"n_maps\":2,\"sha256\":\"%064d\"}],"
                "\"data\":[],\"series\":[],\"views\":[],\"items\":[],\"run\":{},\"metrics\":[",
                seed, seed, 2 * seed, 2 * seed + 1);
    for (int k = 0; k < 4; k++)
        text_printf(
            &t,
            "%s{\"name\":\"accuracy\",\"model\":\"%s\",\"where\":{\"length\":64,\"needles\":%d,\"asked\":1},\"value\":%.9g,"
            "\"ci\":null,\"n\":50,\"better\":\"higher\"}",
            k ? "," : "", k % 2 ? "diff" : "base", k / 2 + 1, 0.5 + (k % 2 ? differences[k / 2] : 0));
    text_puts(&t, "],\"comparisons\":[");
    for (int k = 0; k < 2; k++)
        text_printf(&t,
                    "%s{\"name\":\"accuracy\",\"model\":\"diff\",\"baseline\":\"base\",\"where\":{\"length\":64,\"needles\":%d,"
                    "\"asked\":1},\"difference\":%.9g,\"ci\":null,\"p_value\":0.5,\"n\":50}",
                    k ? "," : "", k + 1, differences[k]);
    text_puts(&t, "]}");
    cJSON *report = cJSON_Parse(t.data);
    ck_assert_ptr_nonnull(report);
    text_free(&t);
    return report;
}

static cJSON *joined(const double *more, const double *other, int n)
{
    cJSON *reports = cJSON_CreateArray(), *out = NULL;
    struct error err = {0};
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(reports, training(i + 1, more[i], other[i]));
    ck_assert_msg(trainings_report(&out, reports, PATHS, &err) == OK, "%s", err.message);
    cJSON_Delete(reports);
    return out;
}

START_TEST(a_row_is_the_mean_over_trainings)
{
    static const double more[] = {0.1, 0.2, 0.3}, other[] = {0.1, 0.1, 0.1};
    cJSON *r = joined(more, other, 3);
    struct error err = {0};
    ck_assert_msg(report_validate(r, "r", &err) == OK, "%s", err.message);
    const cJSON *c = json_path(r, "comparisons.0");
    /* scipy.stats.ttest_1samp([0.1, 0.2, 0.3], 0): p 0.0741799, interval -0.0484138 to 0.448414 */
    ck_assert_double_eq_tol(json_real(c, "difference"), 0.2, 1e-9);
    ck_assert_double_eq_tol(json_real(c, "p_value"), 0.0741799, 1e-6);
    ck_assert_double_eq_tol(json_real(c, "ci.0"), -0.0484138, 1e-6);
    ck_assert_double_eq_tol(json_real(c, "ci.1"), 0.448414, 1e-6);
    ck_assert_double_eq(json_real(c, "n"), 3);
    ck_assert_double_eq_tol(json_real(c, "values.2"), 0.3, 1e-9);
    ck_assert_double_eq_tol(json_real(r, "metrics.1.value"), 0.7, 1e-9);
    ck_assert_int_eq(cJSON_GetArraySize(json_path(r, "trainings")), 3);
    cJSON_Delete(r);
}
END_TEST

static const cJSON *judged(cJSON **claims, const double *more, const double *other, int n)
{
    cJSON *r = joined(more, other, n), *settings = cJSON_CreateArray();
    struct error err = {0};
    ck_assert(claims_add(settings, r, &err) == OK);
    *claims = claims_judge(settings);
    cJSON_Delete(settings);
    cJSON_Delete(r);
    return json_path(*claims, "0");
}

START_TEST(the_mean_over_settings_decides)
{
    static const struct {
        double more[5], other[5];
        int n;
        const char *verdict;
    } cases[] = {
        {{0.1, 0.11, 0.12, 0.1, 0.09}, {0.2, 0.19, 0.18, 0.2, 0.21}, 5, "same direction"},
        {{-0.1, -0.11, -0.12, -0.1, -0.09}, {-0.2, -0.19, -0.18, -0.2, -0.2}, 5, "opposite"},
        {{0.01, -0.01, 0.02, -0.02, 0.001}, {0.01, -0.01, 0.02, -0.02, 0.001}, 5, "no difference seen"},
        {{0.3, -0.3, 0.2, -0.2, 0.1}, {0.3, -0.3, 0.2, -0.2, 0.1}, 5, "too few to tell"},
        {{0.1, 0.11}, {0.1, 0.12}, 2, "too few to tell"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *claims;
        const cJSON *row = judged(&claims, cases[i].more, cases[i].other, cases[i].n);
        ck_assert_msg(strcmp(json_text(row, "verdict"), cases[i].verdict) == 0, "case %zu: %s, expected %s", i,
                      json_text(row, "verdict"), cases[i].verdict);
        ck_assert_str_eq(json_text(row, "setting"), "mean of 2 settings");
        ck_assert_double_eq_tol(json_real(row, "baseline_value"), 0.5, 1e-9);
        ck_assert_int_eq(cJSON_GetArraySize(json_path(row, "settings")), 2);
        cJSON_Delete(claims);
    }
}
END_TEST

/* scipy: the mean of both settings in three trainings is 0.15, 0.16, 0.2; t = 11.127, p = 0.00798, detectable at 80 %:
 * se (t(0.975, 2) + t(0.8, 2)) = 0.0152753 (4.302653 + 1.060660) */
START_TEST(what_would_be_seen)
{
    static const double more[] = {0.1, 0.12, 0.2}, other[] = {0.2, 0.2, 0.2};
    cJSON *claims;
    const cJSON *row = judged(&claims, more, other, 3);
    ck_assert_double_eq_tol(json_real(row, "difference"), 0.17, 1e-9);
    ck_assert_double_eq_tol(json_real(row, "p_value"), 0.0079793, 1e-5);
    ck_assert_double_eq_tol(json_real(row, "detectable"), 0.0819262, 1e-5);
    cJSON_Delete(claims);
}
END_TEST

START_TEST(what_is_not_one_evaluation_is_refused)
{
    static const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"task", "\"icl\"", "b.json: is of task icl, expected needle as a.json"},
        {"options", "{\"samples\":6}", "b.json: options: are not those of a.json"},
        {"models", "[{\"name\":\"base\"}]", "b.json: models: are not named as in a.json"},
        {"models", NULL, "b.json: models: base has the weights that it has in a.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *reports = cJSON_CreateArray(), *second = training(2, 0.1, 0.1), *out = NULL;
        struct error err = {0};
        cJSON_AddItemToArray(reports, training(1, 0.1, 0.1));
        cJSON_ReplaceItemInObjectCaseSensitive(second, cases[i].path,
                                               cases[i].value ? cJSON_Parse(cases[i].value)
                                                              : cJSON_Duplicate(json_path(reports, "0.models"), true));
        cJSON_AddItemToArray(reports, second);
        ck_assert_int_eq(trainings_report(&out, reports, PATHS, &err), ERR_INPUT);
        ck_assert_msg(strncmp(err.message, cases[i].message, strlen(cases[i].message)) == 0, "%s", err.message);
        cJSON_Delete(reports);
    }
}
END_TEST

SUITE_MAIN("trainings", a_row_is_the_mean_over_trainings, the_mean_over_settings_decides, what_would_be_seen,
           what_is_not_one_evaluation_is_refused)

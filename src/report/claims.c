/* claims.c - see claims.h. */
#include "report/claims.h"

#include "base/memory.h"
#include "formats/json.h"
#include "report/report.h"
#include "report/table.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sign of model - baseline that the paper reports, and its figures (Diff Transformer against Transformer). `dimensions` are
 * the members that `where` must have, no more and no fewer; NAME=VALUE also fixes one. `difference` is the smallest that the
 * paper reports, in the metric's units; 0: none that settings like these could have. */
static const struct {
    const char *task, *metric, *dimensions;
    int direction;
    double difference;
    double value,
        baseline; /* what the paper's picture of it shows, Diff Transformer and Transformer; 0: it has differences only */
    const char *claim, *paper;
} CLAIMS[] = {
    {"needle", "accuracy", "length,needles,asked", 1, 0.07, 0.85, 0.55, "finds more of the asked numbers",
     "0.85 against 0.55 (4K, N=6 R=2); 0.92 against 0.85 (N=2 R=2); 1.00 against 1.00 (N=1 R=1)"},
    {"needle", "attention_answer", "length,needles,asked", 1, 0.24, 0.31, 0.03, "more attention on the answer",
     "0.27 to 0.40 against 0.03 to 0.09"},
    {"needle", "attention_noise", "length,needles,asked", -1, 0.47, 0.02, 0.52, "less attention on the noise",
     "0.01 to 0.02 against 0.49 to 0.54"},
    {"perplexity", "nll", "", -1, 0.025, 3.062, 3.087, "lower loss on long texts", "3.062 against 3.087 (1.4B)"},
    {"perplexity", "nll_curve", "", -1, 0, 0, 0, "lower loss at every position", "lower at every position to 64K (figure 4)"},
    {"perplexity", "nll_ar_hit", "", -1, 0.018, 0.880, 0.898, "lower loss on n-grams seen before", "0.880 against 0.898 (1.4B)"},
    {"perplexity", "nll_others", "", -1, 0.025, 3.247, 3.272, "lower loss on other tokens", "3.247 against 3.272 (1.4B)"},
    {"icl", "accuracy", "shots,arrangement=random,order=0", 1, 0.052, 0, 0, "better many-shot classification",
     "5.2 to 21.6 points more"},
    {"icl", "accuracy_stable", "arrangement=random", 1, 0.052, 0, 0, "better over the stable part of the curve",
     "5.2 to 21.6 points more"},
    {"icl", "margin", "shots,arrangement=random", -1, 0.04, 0.04, 0.19, "less spread over random orders",
     "4.0 against 19.0 points (TREC); 9.0 against 13.0 (Banking-77)"},
    {"icl", "margin", "shots,arrangement=alternate", -1, 0.433, 0.134, 0.567, "less spread, classes in turn",
     "13.4 against 56.7 points (TREC)"},
    {"hallucination", "accuracy", "form=summary", 1, 0.09, 0.53, 0.44, "fewer hallucinations in summaries",
     "0.41 to 0.61 against 0.32 to 0.44"},
    {"hallucination", "accuracy", "form=question", 1, 0.07, 0.39, 0.28, "fewer hallucinations in answers",
     "0.36 to 0.46 against 0.28 to 0.36"},
    {"outliers", "top_1", "activation=attention_logits", -1, 0, 38.8, 318.0, "smaller largest attention logit",
     "38.8 against 318.0"},
    {"outliers", "median", "activation=attention_logits", -1, 0, 3.3, 5.4, "smaller median attention logit", "3.3 against 5.4"},
    {"outliers", "top_1", "activation=hidden_states", -1, 0, 1688.2, 3608.6, "smaller largest hidden state",
     "1688.2 against 3608.6"},
    {"outliers", "accuracy", "part,bits=4", 1, 0.25, 0, 0, "more accurate with 4-bit attention logits",
     "about 25 points more (HellaSwag)"},
    {"choice", "accuracy", "shots", 1, 0.008, 0.562, 0.554, "more accurate on multiple choice, average of the sets",
     "56.2 against 55.4 (0-shot), 58.0 against 56.4 (5-shot)"},
    {"choice", "accuracy", "task,shots", 1, 0.008, 0, 0, "more accurate on multiple choice",
     "from 2.8 points less (BoolQ) to 2.8 more (HellaSwag), 0-shot"},
    {"throughput", "tokens_per_second", "work=prefill,length", -1, 0, 46811, 51228, "slower forward pass",
     "9 to 10 % fewer tokens a second"},
    {"throughput", "tokens_per_second", "work=train,length", -1, 0, 6635, 7247, "slower training step",
     "9 to 12 % fewer tokens a second"},
};

static bool fits(const cJSON *where, const char *dimensions)
{
    int n = 0;
    for (const char *p = dimensions; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
        char name[64];
        size_t length = strcspn(p, ","), key = strcspn(p, "=,");
        snprintf(name, sizeof name, "%.*s", (int)key, p);
        const cJSON *its = cJSON_GetObjectItemCaseSensitive(where, name);
        if (its == NULL)
            return false;
        if (key < length) {
            snprintf(name, sizeof name, "%.*s", (int)(length - key - 1), p + key + 1);
            if (cJSON_IsString(its) ? strcmp(its->valuestring, name) != 0 : cJSON_GetNumberValue(its) != strtod(name, NULL))
                return false;
        }
        n++;
    }
    return cJSON_GetArraySize(where) == n;
}

/* Softmax maps of a head: 1 for a Transformer; 0 when the report does not say. */
static double maps_of(const cJSON *report, const char *model)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        if (strcmp(json_text(m, "name"), model) == 0 && isfinite(json_real(m, "n_maps")))
            return json_real(m, "n_maps");
    }
    return 0;
}

/* Its units are whole trainings, and its intervals Student's. */
static bool of_trainings(const cJSON *report)
{
    return json_path(report, "trainings") != NULL;
}

/* Of half an interval of 95 %: what a test at 5 % finds with a power of 80 %. `degrees` of Student's; 0: of the normal one. */
static double detectable(double half, double degrees)
{
    const double power = 0.8416212335729143; /* the 80 % quantile of the normal distribution */
    if (degrees == 0)
        return half / Z95 * (Z95 + power);
    return half / t_quantile(0.025, degrees) * (t_quantile(0.025, degrees) + t_quantile(0.2, degrees));
}

static void add_row(cJSON *rows, const cJSON *report, const cJSON *c, size_t claim)
{
    struct text setting = {0};
    const char *name = json_text(c, "name"), *model = json_text(c, "model"), *baseline = json_text(c, "baseline");
    const cJSON *where = json_path(c, "where"), *metrics = json_path(report, "metrics");
    words_where(&setting, where);
    cJSON *row = cJSON_CreateObject();
    json_add_number(row, "order", (double)claim);
    json_add_number(row, "direction", CLAIMS[claim].direction);
    cJSON_AddStringToObject(row, "task", CLAIMS[claim].task);
    cJSON_AddStringToObject(row, "claim", CLAIMS[claim].claim);
    cJSON_AddStringToObject(row, "paper", CLAIMS[claim].paper);
    cJSON_AddStringToObject(row, "setting", setting.data ? setting.data : "");
    cJSON_AddStringToObject(row, "model", model);
    cJSON_AddStringToObject(row, "baseline", baseline);
    json_add_number(row, "value", json_real(report_find(metrics, name, model, where), "value"));
    json_add_number(row, "baseline_value", json_real(report_find(metrics, name, baseline, where), "value"));
    json_add_number(row, "difference", json_real(c, "difference"));
    cJSON_AddItemToObject(row, "ci", cJSON_Duplicate(json_path(c, "ci"), true));
    json_add_number(row, "n", json_real(c, "n"));
    json_add_number(row, "p_value", json_real(c, "p_value"));
    double half = (json_real(c, "ci.1") - json_real(c, "ci.0")) / 2;
    if (isfinite(half))
        json_add_number(row, "detectable", detectable(half, of_trainings(report) ? json_real(c, "n") - 1 : 0));
    json_add_number(row, "units_needed", of_trainings(report) ? MIN_UNITS : FLIP_UNITS);
    if (json_path(c, "values") != NULL)
        cJSON_AddItemToObject(row, "values", cJSON_Duplicate(json_path(c, "values"), true));
    json_add_number(row, "paper_difference", CLAIMS[claim].difference);
    if (CLAIMS[claim].value != 0) {
        json_add_number(row, "paper_value", CLAIMS[claim].value);
        json_add_number(row, "paper_baseline", CLAIMS[claim].baseline);
    }
    cJSON_AddItemToArray(rows, row);
    text_free(&setting);
}

enum status claims_add(cJSON *rows, const cJSON *report, struct error *err)
{
    const cJSON *c;
    if (rows == NULL)
        return error_set(err, ERR_SYSTEM, "claims: out of memory");
    for (size_t k = 0; k < sizeof CLAIMS / sizeof *CLAIMS; k++)
        cJSON_ArrayForEach(c, json_path(report, "comparisons"))
        {
            if (!cJSON_IsTrue(json_path(c, "copied")) && strcmp(CLAIMS[k].task, json_text(report, "task")) == 0 &&
                strcmp(json_text(c, "name"), CLAIMS[k].metric) == 0 && fits(json_path(c, "where"), CLAIMS[k].dimensions) &&
                json_text(c, "baseline") != NULL && maps_of(report, json_text(c, "model")) == 2 &&
                maps_of(report, json_text(c, "baseline")) == 1)
                add_row(rows, report, c, k);
        }
    return OK;
}

static const char *verdict_of(const cJSON *row)
{
    double p = json_real(row, "p_holm"), paper = json_real(row, "paper_difference"), least = json_real(row, "detectable");
    if (p < 0.05)
        return json_real(row, "difference") * json_real(row, "direction") > 0 ? "same direction" : "opposite";
    if (json_real(row, "n") < json_real(row, "units_needed") || json_real(row, "p_value") < 0.05 || (paper > 0 && least > paper))
        return "too few to tell";
    return "no difference seen";
}

/* The row of a claim on a pair of models, made when there is none yet. */
static cJSON *claim_row(cJSON *claims, const cJSON *setting)
{
    static const char *const same[] = {"claim", "model", "baseline"};
    cJSON *row;
    cJSON_ArrayForEach(row, claims)
    {
        bool equal = true;
        for (size_t i = 0; i < 3; i++)
            equal = equal && json_same_text(row, setting, same[i]);
        if (equal)
            return row;
    }
    row = cJSON_Duplicate(setting, true);
    cJSON_AddArrayToObject(row, "settings");
    cJSON_AddItemToArray(claims, row);
    return row;
}

/* The setting with the smallest p-value speaks for the claim. */
static void let_decide(cJSON *row, const cJSON *setting)
{
    const cJSON *member;
    if (json_real(setting, "p_value") >= json_real(row, "p_value"))
        return;
    cJSON_ArrayForEach(member, setting)
    {
        if (cJSON_HasObjectItem(row, member->string))
            cJSON_ReplaceItemInObjectCaseSensitive(row, member->string, cJSON_Duplicate(member, true));
        else
            cJSON_AddItemToObject(row, member->string, cJSON_Duplicate(member, true));
    }
}

/* Corrects the p-values of rows over all of them (Holm), and gives each its verdict. */
static void judge(cJSON *rows)
{
    size_t n = (size_t)cJSON_GetArraySize(rows), i = 0;
    double *p = mem_array(n + 1, sizeof *p);
    cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        double its = json_real(row, "p_value");
        p[i++] = isfinite(its) ? its : 1;
    }
    holm(p, n);
    i = 0;
    cJSON_ArrayForEach(row, rows)
    {
        json_add_number(row, "p_holm", p[i++]);
        cJSON_AddStringToObject(row, "verdict", verdict_of(row));
    }
    free(p);
}

static void set_number(cJSON *row, const char *name, double value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(row, name);
    if (isfinite(value))
        json_add_number(row, name, value);
}

/* The mean over settings of the number that a path leads to in each. */
static double mean_over(const cJSON *settings, const char *path)
{
    const cJSON *s;
    double sum = 0;
    cJSON_ArrayForEach(s, settings) sum += json_real(s, path);
    return sum / cJSON_GetArraySize(settings);
}

/* Makes a claim's row the mean over its settings, with the trainings as units. */
static void let_mean_decide(cJSON *row)
{
    const cJSON *settings = json_path(row, "settings");
    int n = cJSON_GetArraySize(json_path(row, "values")), count = cJSON_GetArraySize(settings);
    double *x = mem_array((size_t)n + 1, sizeof *x);
    struct text name = {0};
    for (int i = 0; i < n; i++) {
        char path[32];
        snprintf(path, sizeof path, "values.%d", i);
        x[i] = mean_over(settings, path);
    }
    struct paired d = paired_t(x, (size_t)n);
    text_printf(&name, "mean of %d settings", count);
    if (count > 1)
        cJSON_ReplaceItemInObjectCaseSensitive(row, "setting", cJSON_CreateString(name.data));
    set_number(row, "value", mean_over(settings, "value"));
    set_number(row, "baseline_value", mean_over(settings, "baseline_value"));
    set_number(row, "difference", d.difference.value);
    set_number(row, "p_value", d.p_value);
    set_number(row, "detectable", n >= MIN_UNITS ? detectable(d.difference.high - d.difference.value, n - 1) : (double)NAN);
    cJSON_DeleteItemFromObjectCaseSensitive(row, "ci");
    report_add_interval(row, d.difference);
    text_free(&name);
    free(x);
}

/* One row for each claim on a pair of models with its settings, in the paper's order. */
static cJSON *group(const cJSON *settings, bool by_trainings)
{
    cJSON *claims = cJSON_CreateArray();
    const cJSON *setting;
    for (size_t k = 0; k < sizeof CLAIMS / sizeof *CLAIMS; k++)
        cJSON_ArrayForEach(setting, settings)
        {
            if (json_real(setting, "order") != (double)k || (json_path(setting, "values") != NULL) != by_trainings)
                continue;
            cJSON *row = claim_row(claims, setting);
            if (!by_trainings)
                let_decide(row, setting);
            cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(row, "settings"), cJSON_Duplicate(setting, true));
        }
    return claims;
}

cJSON *claims_judge(cJSON *settings)
{
    cJSON *trained = group(settings, true), *row;
    for (cJSON *setting = settings->child, *next; setting != NULL; setting = next) {
        next = setting->next;
        if (json_path(setting, "values") != NULL)
            cJSON_Delete(cJSON_DetachItemViaPointer(settings, setting));
    }
    cJSON_ArrayForEach(row, trained)
    {
        let_mean_decide(row);
        judge(cJSON_GetObjectItemCaseSensitive(row, "settings"));
    }
    judge(trained);
    judge(settings);
    cJSON *claims = group(settings, false);
    while (trained->child != NULL)
        cJSON_AddItemToArray(claims, cJSON_DetachItemViaPointer(trained, trained->child));
    cJSON_Delete(trained);
    return claims;
}

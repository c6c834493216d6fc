/* hallucination_summary.c - see hallucination_summary.h. */
#include "tasks/hallucination_summary.h"

#include "base/memory.h"
#include "report/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Balanced accuracy and Cohen's kappa of the judge against the labels. */
struct table_of_two {
    const double *verdict, *label;
};

static void count_table(const struct table_of_two *t, const size_t *index, size_t n, double count[2][2])
{
    memset(count, 0, 4 * sizeof(double));
    for (size_t i = 0; i < n; i++)
        count[t->label[index[i]] > 0.5][t->verdict[index[i]] > 0.5]++;
}

static double balanced_accuracy(void *context, const size_t *index, size_t n)
{
    double c[2][2];
    count_table(context, index, n, c);
    return (c[0][0] / (c[0][0] + c[0][1]) + c[1][1] / (c[1][0] + c[1][1])) / 2;
}

static double kappa(void *context, const size_t *index, size_t n)
{
    double c[2][2], all = (double)n;
    count_table(context, index, n, c);
    double agree = (c[0][0] + c[1][1]) / all;
    double chance = ((c[0][0] + c[0][1]) * (c[0][0] + c[1][0]) + (c[1][0] + c[1][1]) * (c[0][1] + c[1][1])) / (all * all);
    return (agree - chance) / (1 - chance);
}

static enum status add_agreement(struct report *r, const cJSON *items, struct error *err)
{
    size_t n = 0, most = (size_t)cJSON_GetArraySize(items);
    double *verdict = mem_array(2 * most + 1, sizeof *verdict);
    const cJSON *item;
    if (verdict == NULL)
        return error_set(err, ERR_SYSTEM, "hallucination: out of memory");
    struct table_of_two t = {verdict, verdict + most};
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *result = cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), report_model(r, 0));
        if (isfinite(json_real(result, "score"))) {
            verdict[n] = json_real(result, "score");
            verdict[most + n++] = json_real(result, "evidence.label");
        }
    }
    cJSON *where = cJSON_CreateObject();
    cJSON_AddStringToObject(where, "form", "agreement");
    report_add_value(r, "balanced_accuracy", report_model(r, 0), where, bootstrap_items(n, r->seed, balanced_accuracy, &t), n,
                     "higher");
    report_add_value(r, "kappa", report_model(r, 0), where, bootstrap_items(n, r->seed, kappa, &t), n, "higher");
    free(verdict);
    static const struct metric agreement = {"agreement", "evidence.agrees", METRIC_PROPORTION, "higher"};
    enum status status = report_add(r, items, &agreement, where, err);
    cJSON_Delete(where);
    return status;
}

enum status hallucination_summarize(const cJSON *items, bool agreement, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"accuracy", "score", METRIC_PROPORTION, "higher"},
                                            {"empty", "evidence.empty", METRIC_PROPORTION, "lower"},
                                            {"unparsed", "evidence.unparsed", METRIC_PROPORTION, "lower"},
                                            {"support", "evidence.support", METRIC_SHARE, "higher"},
                                            {"lookback_ratio", "evidence.lookback.mean", METRIC_SHARE, NULL}};
    static const struct metric layers[] = {{"lookback_ratio", "evidence.lookback.layers.*", METRIC_SHARE, NULL}};
    static const char *const dimensions[] = {"form", NULL};
    if (agreement)
        return add_agreement(r, items, err);
    enum status status = report_add_places(r, items, metrics, sizeof metrics / sizeof *metrics, dimensions, err);
    return status == OK ? report_add_indexed(r, items, layers, 1, dimensions, "layer", err) : status;
}

/* report.c - see report.h. */
#include "report/report.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static cJSON *describe(const struct subject *s)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "name", s->name);
    cJSON_AddStringToObject(m, "family", s->model.config.family->model_type);
    cJSON_AddStringToObject(m, "path", s->model.folder);
    json_add_number(m, "n_params", (double)s->model.weights.n_params);
    cJSON_AddStringToObject(m, "sha256", s->model.sha256);
    cJSON_AddStringToObject(m, "tokenizer_sha256", tokenizer_sha256(s->tokenizer));
    return m;
}

enum status report_init(struct report *r, const struct experiment *e, struct error *err)
{
    *r = (struct report){.root = cJSON_CreateObject()};
    cJSON_AddStringToObject(r->root, "schema", "difftf-eval/report/1");
    cJSON_AddStringToObject(r->root, "task", e->task->name);
    cJSON_AddStringToObject(r->root, "version", DIFFTF_VERSION);
    json_add_number(r->root, "seed", (double)e->seed);
    cJSON_AddItemToObject(r->root, "options", experiment_options(e));
    cJSON *models = cJSON_AddArrayToObject(r->root, "models");
    for (size_t i = 0; i < e->n_subjects; i++)
        cJSON_AddItemToArray(models, describe(&e->subjects[i]));
    cJSON_AddItemToObject(r->root, "data", cJSON_Duplicate(e->data, true));
    r->metrics = cJSON_AddArrayToObject(r->root, "metrics");
    r->comparisons = cJSON_AddArrayToObject(r->root, "comparisons");
    r->series = cJSON_AddArrayToObject(r->root, "series");
    return r->series != NULL ? OK : error_set(err, ERR_SYSTEM, "report: out of memory");
}

void report_free(struct report *r)
{
    cJSON_Delete(r->root);
    *r = (struct report){0};
}

static void add_interval(cJSON *row, struct interval x)
{
    cJSON *ci = cJSON_AddArrayToObject(row, "ci");
    cJSON_AddItemToArray(ci, json_number(x.low));
    cJSON_AddItemToArray(ci, json_number(x.high));
}

static void add_metric(struct report *r, const char *name, const char *model, const cJSON *where, struct interval x, size_t n,
                       const char *better)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "model", model);
    cJSON_AddItemToObject(row, "where", cJSON_Duplicate(where, true));
    json_add_number(row, "value", x.value);
    add_interval(row, x);
    json_add_number(row, "n", (double)n);
    cJSON_AddItemToObject(row, "better", better ? cJSON_CreateString(better) : cJSON_CreateNull());
    cJSON_AddItemToArray(r->metrics, row);
}

static void add_comparison(struct report *r, const char *name, const char *model, const char *baseline, const cJSON *where,
                           struct paired p, size_t n)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "model", model);
    cJSON_AddStringToObject(row, "baseline", baseline);
    cJSON_AddItemToObject(row, "where", cJSON_Duplicate(where, true));
    json_add_number(row, "difference", p.difference.value);
    add_interval(row, p.difference);
    json_add_number(row, "p_value", p.p_value);
    json_add_number(row, "n", (double)n);
    cJSON_AddItemToArray(r->comparisons, row);
}

enum status report_add(struct report *r, const struct experiment *e, const char *name, const cJSON *const *items, size_t n,
                       const char *field, const cJSON *where, bool proportion, const char *better, struct error *err)
{
    double *x = mem_array(n * e->n_subjects, sizeof *x);
    if (x == NULL)
        return error_set(err, ERR_SYSTEM, "report: out of memory");
    for (size_t m = 0; m < e->n_subjects; m++) {
        for (size_t i = 0; i < n; i++)
            x[m * n + i] = result_number(items[i], e->subjects[m].name, field);
        struct interval mean = mean_t(x + m * n, n);
        add_metric(r, name, e->subjects[m].name, where, proportion ? wilson(mean.value, n) : mean, n, better);
    }
    for (size_t m = 0; m < e->n_subjects; m++)
        if (m != e->baseline)
            add_comparison(r, name, e->subjects[m].name, e->subjects[e->baseline].name, where,
                           paired_difference(x + m * n, x + e->baseline * n, n, e->seed), n);
    free(x);
    return OK;
}

const cJSON *report_find(const cJSON *rows, const char *name, const char *model, const cJSON *where)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const char *its_name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "name"));
        const char *its_model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "model"));
        if (its_name != NULL && its_model != NULL && strcmp(its_name, name) == 0 && strcmp(its_model, model) == 0 &&
            cJSON_Compare(cJSON_GetObjectItemCaseSensitive(row, "where"), where, true))
            return row;
    }
    return NULL;
}

enum status report_write(struct report *r, const char *path, cJSON *items, cJSON *run, struct error *err)
{
    cJSON_AddItemToObject(r->root, "items", items);
    cJSON_AddItemToObject(r->root, "run", run);
    return json_write(path, r->root, err);
}

/* report.c - see report.h. */
#include "report/report.h"

#include "base/memory.h"
#include "report/values.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cJSON *report_models(const struct report *r)
{
    return cJSON_GetObjectItemCaseSensitive(r->root, "models");
}

const char *report_model(const struct report *r, size_t place)
{
    return json_text(cJSON_GetArrayItem(report_models(r), (int)place), "name");
}

size_t report_n_models(const struct report *r)
{
    return (size_t)cJSON_GetArraySize(report_models(r));
}

void report_add_view(struct report *r, const struct view *v)
{
    cJSON *view = cJSON_CreateObject();
    cJSON_AddStringToObject(view, "kind", v->kind);
    cJSON_AddStringToObject(view, "name", v->name);
    cJSON_AddStringToObject(view, "title", v->title);
    if (v->x != NULL)
        cJSON_AddStringToObject(view, "x", v->x);
    if (v->y != NULL)
        cJSON_AddStringToObject(view, "y", v->y);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(r->root, "views"), view);
}

void report_begin(struct report *r, const char *task, uint64_t seed)
{
    *r = (struct report){.root = cJSON_CreateObject(), .seed = seed};
    cJSON_AddStringToObject(r->root, "schema", "difftf-eval/report/1");
    cJSON_AddStringToObject(r->root, "task", task);
    cJSON_AddStringToObject(r->root, "version", DIFFTF_VERSION);
    json_add_number(r->root, "seed", (double)seed);
    cJSON_AddObjectToObject(r->root, "options");
    cJSON_AddArrayToObject(r->root, "models");
    cJSON_AddArrayToObject(r->root, "data");
    r->metrics = cJSON_AddArrayToObject(r->root, "metrics");
    r->comparisons = cJSON_AddArrayToObject(r->root, "comparisons");
    r->series = cJSON_AddArrayToObject(r->root, "series");
    cJSON_AddArrayToObject(r->root, "views");
}

void report_note(struct report *r, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(r->root, "notes");
    if (notes == NULL)
        notes = cJSON_AddArrayToObject(r->root, "notes");
    const cJSON *said;
    cJSON_ArrayForEach(said, notes)
    {
        if (strcmp(said->valuestring, sentence) == 0)
            return; /* one of several settings has said so */
    }
    cJSON_AddItemToArray(notes, cJSON_CreateString(sentence));
}

void report_add_reference(struct report *r, const char *name, const char *label, const cJSON *where, double value)
{
    cJSON *references = cJSON_GetObjectItemCaseSensitive(r->root, "references"), *row = cJSON_CreateObject();
    if (references == NULL)
        references = cJSON_AddArrayToObject(r->root, "references");
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "label", label);
    cJSON_AddItemToObject(row, "where", where ? cJSON_Duplicate(where, true) : cJSON_CreateObject());
    json_add_number(row, "value", value);
    cJSON_AddItemToArray(references, row);
}

void report_free(struct report *r)
{
    cJSON_Delete(r->root);
    *r = (struct report){0};
}

void report_add_interval(cJSON *row, struct interval x)
{
    if (!isfinite(x.low) || !isfinite(x.high)) { /* too few units */
        cJSON_AddNullToObject(row, "ci");
        return;
    }
    cJSON *ci = cJSON_AddArrayToObject(row, "ci");
    cJSON_AddItemToArray(ci, json_number(x.low));
    cJSON_AddItemToArray(ci, json_number(x.high));
}

static cJSON *add_row(cJSON *rows, const char *name, const char *model, const cJSON *where)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", name);
    cJSON_AddStringToObject(row, "model", model);
    if (where != NULL)
        cJSON_AddItemToObject(row, "where", cJSON_Duplicate(where, true));
    cJSON_AddItemToArray(rows, row);
    return row;
}

/* NULL when the value is no number: then there is no row. */
static cJSON *add_value(struct report *r, const char *name, const char *model, const cJSON *where, struct interval x, size_t n,
                        const char *better)
{
    if (!isfinite(x.value))
        return NULL;
    cJSON *row = add_row(r->metrics, name, model, where);
    json_add_number(row, "value", x.value);
    report_add_interval(row, x);
    json_add_number(row, "n", (double)n);
    cJSON_AddItemToObject(row, "better", better ? cJSON_CreateString(better) : cJSON_CreateNull());
    return row;
}

cJSON *report_add_value(struct report *r, const char *name, const char *model, const cJSON *where, struct interval x, size_t n,
                        const char *better)
{
    return add_value(r, name, model, where, x, n, better);
}

void report_add_difference(struct report *r, const char *name, const char *model, const char *baseline, const cJSON *where,
                           struct paired p, size_t n)
{
    if (!isfinite(p.difference.value))
        return;
    cJSON *row = add_row(r->comparisons, name, model, where);
    cJSON_AddStringToObject(row, "baseline", baseline);
    json_add_number(row, "difference", p.difference.value);
    report_add_interval(row, p.difference);
    json_add_number(row, "p_value", p.p_value);
    json_add_number(row, "n", (double)n);
}

const char *const METRIC_KINDS[N_METRIC_KINDS] = {"proportion", "mean", "exp_mean", "token_mean", "share", "amount"};

/* What the values of each kind can be. */
static const struct {
    double low, high;
} RANGES[N_METRIC_KINDS] = {{0, 1}, {-INFINITY, INFINITY}, {0, INFINITY}, {0, INFINITY}, {0, 1}, {0, INFINITY}};

static struct interval interval_of(const struct metric *m, const double *x, size_t n)
{
    struct interval mean = mean_t(x, n);
    if (m->kind == METRIC_PROPORTION)
        return wilson(mean.value, n);
    if (m->kind == METRIC_EXP_MEAN)
        mean = (struct interval){exp(mean.value), exp(mean.low), exp(mean.high)};
    if (m->kind == METRIC_SHARE && mean.low == mean.high) /* all units agree: nothing is known to be exactly so */
        return wilson(mean.value, n);
    if (isfinite(mean.low)) {
        mean.low = fmax(mean.low, RANGES[m->kind].low);
        mean.high = fmin(mean.high, RANGES[m->kind].high);
    }
    return mean;
}

enum difference_of metric_difference(enum metric_kind kind)
{
    return kind == METRIC_EXP_MEAN     ? DIFFERENCE_OF_EXPONENTS
           : kind == METRIC_PROPORTION ? DIFFERENCE_OF_PROPORTIONS
                                       : DIFFERENCE_OF_MEANS;
}

/* The values of one model, or its pairs with another; false when out of memory. */
static bool collect(struct values *v, const cJSON *items, const char *model, const char *other, const char *field,
                    const cJSON *where)
{
    const cJSON *item;
    bool ok = true;
    cJSON_ArrayForEach(item, items)
    {
        if (ok && values_match(item, where))
            ok = values_add(v, item, model, other ? item : NULL, other, field);
    }
    return ok;
}

bool report_same_tokens(const struct report *r, size_t model)
{
    const char *a = json_text(cJSON_GetArrayItem(report_models(r), (int)r->baseline), "tokenizer_sha256");
    const char *b = json_text(cJSON_GetArrayItem(report_models(r), (int)model), "tokenizer_sha256");
    return a == NULL || b == NULL || strcmp(a, b) == 0;
}

enum status report_add(struct report *r, const cJSON *items, const struct metric *m, const cJSON *where, struct error *err)
{
    const char *baseline = report_model(r, r->baseline);
    size_t n = report_n_models(r);
    bool ok = true;
    for (size_t s = 0; s < n && ok; s++) {
        struct values v = {0};
        ok = collect(&v, items, report_model(r, s), NULL, m->field, where);
        if (ok && v.n > 0) {
            cJSON *row = add_value(r, m->name, report_model(r, s), where, interval_of(m, v.x, v.n), v.n, m->better);
            cJSON_AddStringToObject(row, "field", m->field);
            cJSON_AddStringToObject(row, "kind", METRIC_KINDS[m->kind]);
        }
        values_free(&v);
    }
    for (size_t s = 0; s < n && ok; s++) {
        struct values v = {0};
        if (s == r->baseline || (m->kind == METRIC_TOKEN_MEAN && !report_same_tokens(r, s)))
            continue;
        ok = collect(&v, items, report_model(r, s), baseline, m->field, where);
        if (ok && v.n > 0)
            report_add_difference(r, m->name, report_model(r, s), baseline, where,
                                  paired_difference(v.x, v.y, v.n, r->seed, metric_difference(m->kind)), v.n);
        values_free(&v);
    }
    return ok ? OK : error_set(err, ERR_SYSTEM, "report: out of memory");
}

cJSON *report_add_series(struct report *r, const char *name, const char *model, const cJSON *where, const char *x_label,
                         const char *y_label, const char *x_scale)
{
    static const char *const arrays[] = {"x", "y", "ci_low", "ci_high"};
    cJSON *s = add_row(r->series, name, model, where);
    for (size_t i = 0; i < 4; i++)
        cJSON_AddArrayToObject(s, arrays[i]);
    cJSON_AddStringToObject(s, "x_label", x_label);
    cJSON_AddStringToObject(s, "y_label", y_label);
    cJSON_AddStringToObject(s, "x_scale", x_scale);
    return s;
}

void report_add_point(cJSON *series, double x, struct interval y)
{
    if (!isfinite(y.value))
        return;
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(series, "x"), json_number(x));
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(series, "y"), json_number(y.value));
    bool known = isfinite(y.low) && isfinite(y.high); /* null: too few units */
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(series, "ci_low"), known ? json_number(y.low) : cJSON_CreateNull());
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(series, "ci_high"), known ? json_number(y.high) : cJSON_CreateNull());
}

void report_add_curve(struct report *r, const char *name, const char *metric, const cJSON *where, const char *dimension,
                      const char *x_label, const char *y_label, const char *x_scale)
{
    const cJSON *model;
    cJSON_ArrayForEach(model, report_models(r))
    {
        const char *model_name = json_text(model, "name");
        cJSON *series = report_add_series(r, name, model_name, where, x_label, y_label, x_scale), *row;
        cJSON_ArrayForEach(row, r->metrics)
        {
            cJSON *rest = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(row, "where"), true);
            cJSON *x = cJSON_DetachItemFromObjectCaseSensitive(rest, dimension);
            if (x != NULL && strcmp(json_text(row, "name"), metric) == 0 && strcmp(json_text(row, "model"), model_name) == 0 &&
                cJSON_Compare(rest, where, true))
                report_add_point(series, cJSON_GetNumberValue(x),
                                 (struct interval){json_real(row, "value"), json_real(row, "ci.0"), json_real(row, "ci.1")});
            cJSON_Delete(rest);
            cJSON_Delete(x);
        }
    }
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

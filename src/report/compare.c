/* compare.c - see compare.h. */
#include "report/compare.h"

#include "formats/json.h"
#include "report/report.h"
#include "report/validate.h"
#include "report/values.h"

#include <math.h>
#include <string.h>

enum status report_read(cJSON **report, const char *path, struct error *err)
{
    enum status status = json_read(report, path, err);
    if (status != OK)
        return status;
    const char *schema = json_text(*report, "schema");
    if (schema == NULL || strcmp(schema, "difftf-eval/report/1") != 0)
        status =
            error_set(err, ERR_INPUT, "%s: key 'schema' is '%.60s', expected difftf-eval/report/1", path, schema ? schema : "");
    if (status == OK)
        status = report_validate(*report, path, err);
    if (status != OK) {
        cJSON_Delete(*report);
        *report = NULL;
    }
    return status;
}

static const cJSON *find_item(const cJSON *items, const char *id, const cJSON *guess)
{
    const cJSON *item;
    if (guess != NULL && strcmp(json_text(guess, "id"), id) == 0)
        return guess; /* reports of one plan have their items in one order */
    cJSON_ArrayForEach(item, items)
    {
        if (strcmp(json_text(item, "id"), id) == 0)
            return item;
    }
    return NULL;
}

/* The paired values behind two rows; false when memory is out. */
static bool pair(struct values *v, const cJSON *a, const char *model_a, const cJSON *b, const char *model_b, const cJSON *row)
{
    const cJSON *item, *items_b = json_path(b, "items"), *guess = items_b->child, *where = json_path(row, "where");
    const char *field = json_text(row, "field");
    bool ok = true;
    cJSON_ArrayForEach(item, json_path(a, "items"))
    {
        const cJSON *partner = find_item(items_b, json_text(item, "id"), guess);
        guess = partner ? partner->next : NULL;
        if (ok && partner != NULL && values_match(item, where))
            ok = values_add(v, item, model_a, partner, model_b, field);
    }
    return ok;
}

static double standard_deviation(const struct values *v)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < v->n; i++)
        mean += (v->x[i] - v->y[i]) / (double)v->n;
    for (size_t i = 0; i < v->n; i++)
        squares += (v->x[i] - v->y[i] - mean) * (v->x[i] - v->y[i] - mean);
    return v->n > 1 ? sqrt(squares / (double)(v->n - 1)) : 0;
}

static double half_width(const cJSON *row)
{
    double width = (json_real(row, "ci.1") - json_real(row, "ci.0")) / (2 * Z95);
    return isfinite(width) ? width : 0;
}

/* The difference of two rows from their items, or from their intervals. */
static struct paired difference_of(const struct values *v, const cJSON *x, const cJSON *y, uint64_t seed, double *error)
{
    const char *kind = json_text(x, "kind");
    if (v->n > 0) {
        bool of_exp = kind != NULL && strcmp(kind, METRIC_KINDS[METRIC_EXP_MEAN]) == 0;
        struct paired p = paired_difference(v->x, v->y, v->n, seed, of_exp ? exp : NULL);
        *error = of_exp ? (p.difference.high - p.difference.low) / (2 * Z95) : standard_deviation(v) / sqrt((double)v->n);
        return p;
    }
    double d = json_real(x, "value") - json_real(y, "value");
    *error = hypot(half_width(x), half_width(y));
    struct paired p = {{d, d - Z95 * *error, d + Z95 * *error}, 1};
    p.p_value = *error > 0 ? erfc(fabs(d) / *error / sqrt(2)) : d == 0;
    return p;
}

enum status report_compare(cJSON *rows, const cJSON *a, const char *model_a, const cJSON *b, const char *model_b, uint64_t seed,
                           struct error *err)
{
    const cJSON *x;
    cJSON_ArrayForEach(x, json_path(a, "metrics"))
    {
        if (strcmp(json_text(x, "model"), model_a) != 0)
            continue;
        const cJSON *where = json_path(x, "where"),
                    *y = report_find(json_path(b, "metrics"), json_text(x, "name"), model_b, where);
        const char *field = json_text(x, "field"), *its = y ? json_text(y, "field") : NULL;
        struct values v = {0};
        double error;
        if (y == NULL)
            continue;
        if (field != NULL && its != NULL && strcmp(field, its) == 0 && !pair(&v, a, model_a, b, model_b, x)) {
            values_free(&v);
            return error_set(err, ERR_SYSTEM, "compare: out of memory");
        }
        struct paired p = difference_of(&v, x, y, seed, &error);
        cJSON *row = cJSON_CreateObject(), *ci;
        cJSON_AddStringToObject(row, "name", json_text(x, "name"));
        cJSON_AddItemToObject(row, "where", cJSON_Duplicate(where, true));
        cJSON_AddStringToObject(row, "model", model_a);
        cJSON_AddStringToObject(row, "baseline", model_b);
        json_add_number(row, "value", json_real(x, "value"));
        json_add_number(row, "baseline_value", json_real(y, "value"));
        json_add_number(row, "difference", p.difference.value);
        ci = cJSON_AddArrayToObject(row, "ci");
        cJSON_AddItemToArray(ci, json_number(p.difference.low));
        cJSON_AddItemToArray(ci, json_number(p.difference.high));
        json_add_number(row, "p_value", p.p_value);
        json_add_number(row, "standard_error", error);
        json_add_number(row, "n", v.n > 0 ? (double)v.n : json_real(x, "n"));
        cJSON_AddItemToObject(row, "better", cJSON_Duplicate(json_path(x, "better"), true));
        cJSON_AddBoolToObject(row, "paired", v.n > 0);
        cJSON_AddItemToArray(rows, row);
        values_free(&v);
    }
    return OK;
}

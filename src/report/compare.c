/* compare.c - see compare.h. */
#include "report/compare.h"

#include "formats/json.h"
#include "report/lm_eval.h"
#include "report/ratio.h"
#include "report/validate.h"
#include "report/values.h"

#include <math.h>
#include <string.h>

enum status report_read(cJSON **report, const char *path, struct error *err)
{
    enum status status = lm_eval_named(path) ? lm_eval_read(report, path, err) : json_read(report, path, err);
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

/* The paired values behind two rows; false when memory is out. */
static bool pair(struct values *v, const cJSON *a, const char *model_a, const cJSON *b, const char *model_b, const cJSON *row)
{
    const cJSON *item, *items_b = json_path(b, "items"), *next = items_b->child, *where = json_path(row, "where");
    const char *field = json_text(row, "field");
    bool ok = true;
    cJSON_ArrayForEach(item, json_path(a, "items"))
    {
        const cJSON *partner = values_partner(items_b, item, &next);
        if (ok && partner != NULL && values_match(item, where))
            ok = values_add(v, item, model_a, partner, model_b, field);
    }
    return ok;
}

static double half_width(const cJSON *row)
{
    double width = (json_real(row, "ci.1") - json_real(row, "ci.0")) / (2 * Z95);
    return isfinite(width) ? width : 0;
}

static enum metric_kind kind_of(const cJSON *row)
{
    const char *kind = json_text(row, "kind");
    for (size_t k = 0; kind != NULL && k < N_METRIC_KINDS; k++)
        if (strcmp(kind, METRIC_KINDS[k]) == 0)
            return (enum metric_kind)k;
    return METRIC_MEAN;
}

/* Of two rows that nothing pairs, from their intervals. */
static struct paired unpaired(const cJSON *x, const cJSON *y)
{
    double d = json_real(x, "value") - json_real(y, "value"), error = hypot(half_width(x), half_width(y));
    struct paired p = {{d, d - Z95 * error, d + Z95 * error}, 1, 1, 1};
    if (error <= 0) {
        p.difference.low = p.difference.high = (double)NAN;
        return p;
    }
    p.p_higher = erfc(d / error / sqrt(2)) / 2;
    p.p_lower = erfc(-d / error / sqrt(2)) / 2;
    p.p_value = fmin(1, 2 * fmin(p.p_higher, p.p_lower));
    return p;
}

/* Do two reports speak of the same data? Every set of one that the other knows by name has the same digest. */
bool report_same_data(const cJSON *a, const cJSON *b)
{
    const cJSON *x, *y;
    cJSON_ArrayForEach(x, json_path(a, "data"))
    {
        cJSON_ArrayForEach(y, json_path(b, "data"))
        {
            if (strcmp(json_text(x, "name"), json_text(y, "name")) == 0 &&
                strcmp(json_text(x, "sha256"), json_text(y, "sha256")) != 0)
                return false;
        }
    }
    return true;
}

/* The difference of two rows from their items where they can be paired, else from their intervals; *n units. */
static enum status difference_of(struct paired *p, size_t *n, const cJSON *a, const char *model_a, const cJSON *b,
                                 const char *model_b, const cJSON *x, const cJSON *y, uint64_t seed, struct error *err)
{
    const char *field = json_text(x, "field"), *its = json_text(y, "field");
    bool same = field != NULL && its != NULL && strcmp(field, its) == 0 && report_same_data(a, b), ok = true;
    struct values v = {0};
    *n = 0;
    if (same && json_text(x, "per") != NULL)
        ok = ratio_compare(p, n, json_path(a, "items"), model_a, json_path(b, "items"), model_b, x, seed);
    else if (same)
        ok = pair(&v, a, model_a, b, model_b, x);
    if (ok && v.n > 0) {
        *n = v.n;
        *p = paired_difference(v.x, v.y, v.n, seed, metric_difference(kind_of(x)));
    } else if (ok && *n == 0) {
        *p = unpaired(x, y);
    }
    values_free(&v);
    return ok ? OK : error_set(err, ERR_SYSTEM, "compare: out of memory");
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
        struct paired p;
        size_t n;
        if (y == NULL)
            continue;
        enum status status = difference_of(&p, &n, a, model_a, b, model_b, x, y, seed, err);
        if (status != OK)
            return status;
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", json_text(x, "name"));
        cJSON_AddItemToObject(row, "where", cJSON_Duplicate(where, true));
        cJSON_AddStringToObject(row, "model", model_a);
        cJSON_AddStringToObject(row, "baseline", model_b);
        json_add_number(row, "value", json_real(x, "value"));
        json_add_number(row, "baseline_value", json_real(y, "value"));
        json_add_number(row, "difference", p.difference.value);
        report_add_interval(row, p.difference);
        json_add_number(row, "p_value", p.p_value);
        json_add_number(row, "p_higher", p.p_higher);
        json_add_number(row, "p_lower", p.p_lower);
        json_add_number(row, "n", n > 0 ? (double)n : json_real(x, "n"));
        cJSON_AddItemToObject(row, "better", cJSON_Duplicate(json_path(x, "better"), true));
        cJSON_AddBoolToObject(row, "paired", n > 0);
        cJSON_AddItemToArray(rows, row);
    }
    return OK;
}

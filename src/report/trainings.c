/* trainings.c - see trainings.h. */
#include "report/trainings.h"

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The options that have to be the same: all but which models they are. */
static cJSON *shared_options(const cJSON *report)
{
    cJSON *options = cJSON_Duplicate(json_path(report, "options"), true);
    cJSON_DeleteItemFromObjectCaseSensitive(options, "model");
    return options;
}

static bool same_names(const cJSON *a, const cJSON *b)
{
    const cJSON *x = json_path(a, "models.0"), *y = json_path(b, "models.0");
    for (; x != NULL && y != NULL; x = x->next, y = y->next)
        if (!json_same_text(x, y, "name"))
            return false;
    return x == NULL && y == NULL;
}

/* One model of two reports with the same weights. */
static const char *shared_weights(const cJSON *a, const cJSON *b)
{
    const cJSON *x = json_path(a, "models.0"), *y = json_path(b, "models.0");
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (json_text(x, "sha256") == NULL || json_same_text(x, y, "sha256")) /* what is not told may be the same */
            return json_text(x, "name");
    }
    return NULL;
}

static enum status check(const cJSON *reports, const char *const *paths, struct error *err)
{
    const cJSON *first = reports->child;
    cJSON *options = shared_options(first);
    enum status status = OK;
    size_t i = 0;
    for (const cJSON *r = first; r != NULL && status == OK; r = r->next, i++) {
        cJSON *its = shared_options(r);
        if (!json_same_text(r, first, "task"))
            status = error_set(err, ERR_INPUT, "%s: is of task %s, expected %s as %s", paths[i], json_text(r, "task"),
                               json_text(first, "task"), paths[0]);
        else if (!cJSON_Compare(its, options, true))
            status = error_set(err, ERR_INPUT, "%s: options: are not those of %s, expected the same but for --model", paths[i],
                               paths[0]);
        else if (!same_names(r, first))
            status = error_set(err, ERR_INPUT, "%s: models: are not named as in %s, expected the same names in the same order",
                               paths[i], paths[0]);
        size_t k = 0;
        for (const cJSON *before = first; before != r && status == OK; before = before->next, k++)
            if (shared_weights(r, before) != NULL)
                status = error_set(err, ERR_INPUT, "%s: models: %s has the weights that it has in %s, expected another training",
                                   paths[i], shared_weights(r, before), paths[k]);
        cJSON_Delete(its);
    }
    cJSON_Delete(options);
    return status;
}

/* The same row of another report; its baseline, where it has one, is the same too. */
static const cJSON *same_row(const cJSON *rows, const cJSON *like)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        if (json_same_text(row, like, "name") && json_same_text(row, like, "model") && json_same_text(row, like, "baseline") &&
            cJSON_Compare(json_path(row, "where"), json_path(like, "where"), true))
            return row;
    }
    return NULL;
}

/* The values of a row in every report; false when one has none. */
static bool values_of(double *x, const cJSON *reports, const char *list, const cJSON *row, const char *value)
{
    const cJSON *report;
    size_t n = 0;
    cJSON_ArrayForEach(report, reports)
    {
        const cJSON *its = same_row(json_path(report, list), row);
        if (its == NULL)
            return false;
        x[n++] = json_real(its, value);
    }
    return true;
}

/* A comparison with its difference in each training. */
static void add_comparison(struct report *r, const cJSON *row, const double *x, size_t n)
{
    report_add_difference(r, json_text(row, "name"), json_text(row, "model"), json_text(row, "baseline"), json_path(row, "where"),
                          paired_t(x, n), n);
    cJSON *added = cJSON_GetArrayItem(r->comparisons, cJSON_GetArraySize(r->comparisons) - 1);
    cJSON *values = cJSON_AddArrayToObject(added, "values");
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(values, json_number(x[i]));
}

static void add_rows(struct report *r, const cJSON *reports, double *x, size_t n)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, json_path(reports->child, "metrics"))
    {
        if (values_of(x, reports, "metrics", row, "value"))
            report_add_value(r, json_text(row, "name"), json_text(row, "model"), json_path(row, "where"), mean_t(x, n), n,
                             json_text(row, "better"));
    }
    cJSON_ArrayForEach(row, json_path(reports->child, "comparisons"))
    {
        if (values_of(x, reports, "comparisons", row, "difference"))
            add_comparison(r, row, x, n);
    }
}

/* Views of metrics; curves and items are those of single trainings. */
static void copy_views(cJSON *to, const cJSON *report)
{
    const cJSON *view;
    cJSON_ArrayForEach(view, json_path(report, "views"))
    {
        if (strcmp(json_text(view, "kind"), "table") == 0 || strcmp(json_text(view, "kind"), "bars") == 0)
            cJSON_AddItemToArray(to, cJSON_Duplicate(view, true));
    }
}

enum status trainings_report(cJSON **out, const cJSON *reports, const char *const *paths, struct error *err)
{
    enum status status = check(reports, paths, err);
    if (status != OK)
        return status;
    const cJSON *first = reports->child, *report;
    size_t n = (size_t)cJSON_GetArraySize(reports);
    double *x = mem_array(n, sizeof *x);
    struct report r = {0};
    struct text digests = {0};
    char digest[65];
    report_begin(&r, json_text(first, "task"), (uint64_t)json_real(first, "seed"));
    static const char *const kept[] = {"options", "models", "data"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(r.root, kept[i]);
        cJSON_AddItemToObject(r.root, kept[i], cJSON_Duplicate(json_path(first, kept[i]), true));
    }
    cJSON *trainings = cJSON_AddArrayToObject(r.root, "trainings");
    cJSON_ArrayForEach(report, reports)
    {
        cJSON_AddItemToArray(trainings, cJSON_Duplicate(json_path(report, "models"), true));
        text_printf(&digests, "%s\n", json_text(report, "digest"));
    }
    sha256_hex(digest, digests.data, digests.len);
    cJSON_AddStringToObject(r.root, "digest", digest);
    add_rows(&r, reports, x, n);
    copy_views(cJSON_GetObjectItemCaseSensitive(r.root, "views"), first);
    cJSON_AddArrayToObject(r.root, "items");
    cJSON_AddObjectToObject(r.root, "run");
    text_free(&digests);
    free(x);
    *out = r.root;
    return OK;
}

/* average.c - see average.h. */
#include "report/average.h"

#include "formats/json.h"
#include "report/compare.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The place of a row without the name of its set; NULL when it names none. */
static cJSON *place_of(const cJSON *row)
{
    cJSON *place = cJSON_Duplicate(json_path(row, "where"), true);
    cJSON *set = cJSON_DetachItemFromObjectCaseSensitive(place, "task");
    bool named = cJSON_IsString(set);
    cJSON_Delete(set);
    if (named)
        return place;
    cJSON_Delete(place);
    return NULL;
}

/* Do two rows say the same of the same models, be it on different sets? */
static bool same_kind(const cJSON *a, const cJSON *b)
{
    cJSON *x = place_of(a), *y = place_of(b);
    bool same = json_same_text(a, b, "name") && cJSON_Compare(x, y, true);
    cJSON_Delete(x);
    cJSON_Delete(y);
    return same;
}

static bool same_models(const cJSON *a, const cJSON *b)
{
    return json_same_text(a, b, "model") && json_same_text(a, b, "baseline");
}

/* Copies the headline rows of sets that are not there yet. */
static void copy_rows(cJSON *to, const cJSON *report, const char *list)
{
    const cJSON *row, *its;
    cJSON_ArrayForEach(row, json_path(report, list))
    {
        cJSON *place = place_of(row);
        bool wanted = place != NULL && report_is_headline(report, json_text(row, "name"));
        cJSON_ArrayForEach(its, to)
        {
            wanted = wanted && !(json_same_text(its, row, "name") && same_models(its, row) &&
                                 cJSON_Compare(json_path(its, "where"), json_path(row, "where"), true));
        }
        if (wanted) {
            cJSON *copy = cJSON_Duplicate(row, true);
            cJSON_AddTrueToObject(copy, "copied");
            cJSON_AddItemToArray(to, copy);
        }
        cJSON_Delete(place);
    }
}

static void copy_models(cJSON *to, const cJSON *report)
{
    const cJSON *model, *its;
    cJSON_ArrayForEach(model, json_path(report, "models"))
    {
        bool known = false;
        cJSON_ArrayForEach(its, to) known = known || json_same_text(its, model, "name");
        if (!known)
            cJSON_AddItemToArray(to, cJSON_Duplicate(model, true));
    }
}

/* How many sets the rows of this kind have, whatever the model. */
static size_t count_sets(const cJSON *rows, const cJSON *like)
{
    const cJSON *row, *before;
    size_t n = 0;
    cJSON_ArrayForEach(row, rows)
    {
        bool first = cJSON_IsTrue(json_path(row, "copied")) && same_kind(row, like);
        for (before = rows->child; first && before != row; before = before->next)
            first = !(same_kind(before, like) && json_same_text(json_path(before, "where"), json_path(row, "where"), "task"));
        n += first;
    }
    return n;
}

/* Adds the average of the rows that are of the kind and models of `like`, the first of them. */
static void add_average(struct report *r, cJSON *rows, const cJSON *like, const char *value)
{
    const cJSON *row;
    size_t sets = count_sets(rows, like), n = 0;
    double units = 0;
    struct interval *x = calloc(sets + 1, sizeof *x);
    cJSON_ArrayForEach(row, rows)
    {
        if (row != like && n == 0)
            continue;
        if (n < sets && cJSON_IsTrue(json_path(row, "copied")) && same_kind(row, like) && same_models(row, like)) {
            x[n++] = (struct interval){json_real(row, value), json_real(row, "ci.0"), json_real(row, "ci.1")};
            units += json_real(row, "n");
        }
    }
    cJSON *place = place_of(like);
    struct interval mean = mean_of_strata(x, n);
    const char *name = json_text(like, "name"), *model = json_text(like, "model"), *baseline = json_text(like, "baseline");
    if (n == sets && n > 1 && baseline == NULL)
        report_add_value(r, name, model, place, mean, (size_t)units, json_text(like, "better"));
    else if (n == sets && n > 1)
        report_add_difference(r, name, model, baseline, place,
                              (struct paired){.difference = mean, .p_value = p_of_interval(mean)}, (size_t)units);
    cJSON_Delete(place);
    free(x);
}

/* One average for each kind of row and models, after all that was copied. */
static void add_averages(struct report *r, cJSON *rows, const char *value)
{
    const cJSON *row, *before;
    size_t copied = (size_t)cJSON_GetArraySize(rows), i = 0;
    for (row = rows->child; i < copied; row = row->next, i++) {
        bool first = true;
        for (before = rows->child; first && before != row; before = before->next)
            first = !(same_kind(before, row) && same_models(before, row));
        if (first)
            add_average(r, rows, row, value);
    }
}

/* The view that shows a set a column and the average after them, of each headline metric. */
static void add_views(cJSON *views, const cJSON *metrics)
{
    const cJSON *row, *view;
    cJSON_ArrayForEach(row, metrics)
    {
        bool known = false;
        cJSON_ArrayForEach(view, views) known = known || json_same_text(view, row, "name");
        if (known)
            continue;
        cJSON *its = cJSON_CreateObject();
        cJSON_AddStringToObject(its, "kind", "table");
        cJSON_AddStringToObject(its, "name", json_text(row, "name"));
        cJSON_AddStringToObject(its, "title", json_text(row, "name"));
        cJSON_AddStringToObject(its, "x", "task");
        cJSON_AddStringToObject(its, "all", "average");
        cJSON_AddItemToArray(views, its);
    }
}

static cJSON *average_of(const cJSON *reports, const char *task)
{
    const cJSON *report;
    struct report r = {.root = cJSON_CreateObject()};
    cJSON_AddStringToObject(r.root, "task", task);
    cJSON *models = cJSON_AddArrayToObject(r.root, "models");
    r.metrics = cJSON_AddArrayToObject(r.root, "metrics");
    r.comparisons = cJSON_AddArrayToObject(r.root, "comparisons");
    cJSON_ArrayForEach(report, reports)
    {
        if (strcmp(json_text(report, "task"), task) != 0)
            continue;
        copy_models(models, report);
        copy_rows(r.metrics, report, "metrics");
        copy_rows(r.comparisons, report, "comparisons");
    }
    int copied = cJSON_GetArraySize(r.metrics);
    add_averages(&r, r.metrics, "value");
    add_averages(&r, r.comparisons, "difference");
    add_views(cJSON_AddArrayToObject(r.root, "views"), r.metrics);
    if (cJSON_GetArraySize(r.metrics) > copied)
        return r.root;
    cJSON_Delete(r.root);
    return NULL;
}

cJSON *reports_average(const cJSON *reports)
{
    cJSON *averages = cJSON_CreateArray();
    const cJSON *report, *before;
    cJSON_ArrayForEach(report, reports)
    {
        bool first = true;
        for (before = reports->child; first && before != report; before = before->next)
            first = !json_same_text(before, report, "task");
        cJSON *average = first ? average_of(reports, json_text(report, "task")) : NULL;
        if (average != NULL)
            cJSON_AddItemToArray(averages, average);
    }
    return averages;
}

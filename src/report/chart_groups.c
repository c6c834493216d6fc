/* chart_groups.c - see chart_groups.h. */
#include "report/chart_groups.h"

#include "base/list.h"
#include "base/memory.h"
#include "formats/json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *json_name(const cJSON *row)
{
    return json_text(row, "name");
}

cJSON *chart_group_series(const cJSON *report, const cJSON *view)
{
    const char *names = json_text(view, "name");
    cJSON *groups = cJSON_CreateArray(), *g;
    const cJSON *s;
    cJSON_ArrayForEach(s, json_path(report, "series"))
    {
        cJSON *found = NULL;
        if (!list_has(names, json_name(s)) || cJSON_GetArraySize(json_path(s, "x")) == 0)
            continue;
        cJSON_ArrayForEach(g, groups)
        {
            const cJSON *a = json_path(g->child, "where"), *b = json_path(s, "where");
            if ((a == NULL && b == NULL) || cJSON_Compare(a, b, true))
                found = g;
        }
        if (found == NULL)
            cJSON_AddItemToArray(groups, found = cJSON_CreateArray());
        cJSON_AddItemToArray(found, cJSON_Duplicate(s, true));
    }
    return groups;
}

static int by_number(const void *a, const void *b)
{
    double x = (*(cJSON *const *)a)->valuedouble, y = (*(cJSON *const *)b)->valuedouble;
    return (x > y) - (x < y);
}

/* Numbers in order, behind texts, which stay as they came. Not by cJSON_InsertItemInArray: Debian's 1.7.15 drops what goes into
 * the middle. */
static void sort_values(cJSON *list)
{
    size_t n = (size_t)cJSON_GetArraySize(list), numbers = 0;
    cJSON **sorted = malloc((n + 1) * sizeof *sorted), *value = list->child;
    while (sorted != NULL && value != NULL) {
        cJSON *next = value->next;
        if (cJSON_IsNumber(value))
            sorted[numbers++] = cJSON_DetachItemViaPointer(list, value);
        value = next;
    }
    if (numbers > 1)
        qsort(sorted, numbers, sizeof *sorted, by_number);
    for (size_t i = 0; i < numbers; i++)
        cJSON_AddItemToArray(list, sorted[i]);
    free(sorted);
}

static cJSON *add_group(cJSON *groups, const cJSON *rest, const char *names)
{
    cJSON *group = cJSON_CreateObject();
    cJSON_AddItemToObject(group, "rest", cJSON_Duplicate(rest, true));
    cJSON *list = cJSON_AddArrayToObject(group, "names");
    for (const char *at = names; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        char *name = strndup(at, strcspn(at, ","));
        cJSON_AddItemToArray(list, cJSON_CreateString(name));
        free(name);
    }
    cJSON_AddArrayToObject(group, "x");
    cJSON_AddArrayToObject(group, "y");
    cJSON_AddArrayToObject(group, "rows");
    cJSON_AddItemToArray(groups, group);
    return group;
}

static cJSON *group_rows(const cJSON *report, const char *names, const char *x, const char *y)
{
    cJSON *groups = cJSON_CreateArray(), *g;
    const cJSON *row;
    const char *dimensions[] = {x, y};
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        cJSON *rest = cJSON_Duplicate(json_path(row, "where"), true), *found = NULL;
        bool has = list_has(names, json_name(row));
        for (size_t i = 0; i < 2; i++)
            if (dimensions[i] != NULL) {
                has = has && cJSON_HasObjectItem(rest, dimensions[i]);
                cJSON_DeleteItemFromObjectCaseSensitive(rest, dimensions[i]);
            }
        cJSON_ArrayForEach(g, groups)
        {
            if (has && cJSON_Compare(json_path(g, "rest"), rest, true))
                found = g;
        }
        if (has && found == NULL)
            found = add_group(groups, rest, names);
        for (size_t i = 0; has && i < 2; i++) {
            const cJSON *value = dimensions[i] ? json_path(json_path(row, "where"), dimensions[i]) : NULL;
            cJSON *list = cJSON_GetObjectItem(found, i == 0 ? "x" : "y");
            if (value != NULL && !json_array_has(list, value))
                cJSON_AddItemToArray(list, cJSON_Duplicate(value, true));
        }
        if (has)
            cJSON_AddItemToArray(cJSON_GetObjectItem(found, "rows"), cJSON_Duplicate(row, true));
        cJSON_Delete(rest);
    }
    cJSON_ArrayForEach(g, groups)
    {
        sort_values(cJSON_GetObjectItem(g, "x"));
        sort_values(cJSON_GetObjectItem(g, "y"));
    }
    return groups;
}

cJSON *chart_group_metrics(const cJSON *report, const cJSON *view)
{
    return group_rows(report, json_text(view, "name"), json_text(view, "x"), json_text(view, "y"));
}

/* Dimensions of the row of a metric that has the fewest: the one over all depths and layers, not of each. */
static int fewest_dimensions(const cJSON *report, const char *name, size_t length)
{
    const cJSON *row;
    int fewest = INT_MAX;
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        int n = cJSON_GetArraySize(json_path(row, "where"));
        if (strlen(json_name(row)) == length && memcmp(json_name(row), name, length) == 0 && n < fewest)
            fewest = n;
    }
    return fewest;
}

/* Rows of the metrics "a_x,a_y" as rows of one metric with a dimension `part`: "x", "y". */
cJSON *chart_group_parts(const cJSON *report, const cJSON *view)
{
    static const char name[] = "part";
    const char *names = json_text(view, "name");
    cJSON *parts = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(parts, "metrics");
    const cJSON *row;
    for (const char *at = names; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        size_t n = strcspn(at, ",");
        int fewest = fewest_dimensions(report, at, n);
        cJSON_ArrayForEach(row, json_path(report, "metrics"))
        {
            if (strlen(json_name(row)) != n || memcmp(json_name(row), at, n) != 0 ||
                cJSON_GetArraySize(json_path(row, "where")) != fewest)
                continue;
            cJSON *copy = cJSON_Duplicate(row, true);
            const char *suffix = strchr(json_name(row), '_');
            cJSON_ReplaceItemInObjectCaseSensitive(copy, "name", cJSON_CreateString(name));
            cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(copy, "where"), name, suffix ? suffix + 1 : json_name(row));
            cJSON_AddItemToArray(rows, copy);
        }
    }
    cJSON *groups = group_rows(parts, name, name, NULL);
    cJSON_Delete(parts);
    return groups;
}

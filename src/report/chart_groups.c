/* chart_groups.c - see chart_groups.h. */
#include "report/chart_groups.h"

#include "base/memory.h"
#include "formats/json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *json_name(const cJSON *row)
{
    return json_text(row, "name");
}

cJSON *chart_group_series(const cJSON *report, const char *name)
{
    cJSON *groups = cJSON_CreateArray(), *g;
    const cJSON *s;
    cJSON_ArrayForEach(s, json_path(report, "series"))
    {
        cJSON *found = NULL;
        if (strcmp(json_name(s), name) != 0 || cJSON_GetArraySize(json_path(s, "x")) == 0)
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

cJSON *chart_group_metrics(const cJSON *report, const char *name, const char *x, const char *y)
{
    cJSON *groups = cJSON_CreateArray(), *g;
    const cJSON *row;
    const char *dimensions[] = {x, y};
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        cJSON *rest = cJSON_Duplicate(json_path(row, "where"), true), *found = NULL;
        bool has = strcmp(json_name(row), name) == 0;
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
        if (has && found == NULL) {
            cJSON_AddItemToArray(groups, found = cJSON_CreateObject());
            cJSON_AddItemToObject(found, "rest", cJSON_Duplicate(rest, true));
            cJSON_AddArrayToObject(found, "x");
            cJSON_AddArrayToObject(found, "y");
            cJSON_AddArrayToObject(found, "rows");
        }
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
    return groups;
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
cJSON *chart_group_parts(const cJSON *report, const char *names)
{
    static const char name[] = "part";
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
    cJSON *groups = chart_group_metrics(parts, name, name, NULL);
    cJSON_Delete(parts);
    return groups;
}

/* places.c - see places.h. */
#include "report/places.h"

#include "base/memory.h"
#include "formats/json.h"
#include "report/values.h"

#include <math.h>
#include <string.h>

/* The item's place in those dimensions; NULL when it lacks one. */
static cJSON *place_of(const cJSON *item, const char *const *dimensions)
{
    const cJSON *where = cJSON_GetObjectItemCaseSensitive(item, "where");
    cJSON *place = cJSON_CreateObject();
    for (; *dimensions != NULL; dimensions++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(where, *dimensions);
        if (value == NULL) {
            cJSON_Delete(place);
            return NULL;
        }
        cJSON_AddItemToObject(place, *dimensions, cJSON_Duplicate(value, true));
    }
    return place;
}

cJSON *report_places(const cJSON *items, const char *const *dimensions)
{
    cJSON *places = cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        cJSON *place = place_of(item, dimensions), *last = places->child ? places->child->prev : NULL;
        if (place == NULL)
            continue;
        bool known = last != NULL && cJSON_Compare(place, last, true); /* neighbours mostly share theirs */
        if (known || json_array_has(places, place))
            cJSON_Delete(place);
        else
            cJSON_AddItemToArray(places, place);
    }
    return places;
}

/* Over the items at a place, whose first result says how many choices there were; NaN when none does. */
static double mean_chance(const cJSON *items, const char *field, const cJSON *where)
{
    const cJSON *item;
    double sum = 0;
    size_t n = 0;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *results = json_path(item, "results");
        int choices = values_match(item, where) && results != NULL ? cJSON_GetArraySize(json_path(results->child, field)) : 0;
        sum += choices > 0 ? 1.0 / choices : 0;
        n += choices > 0;
    }
    return n > 0 ? sum / (double)n : NAN;
}

void report_add_chance(struct report *r, const cJSON *items, const char *name, const char *field, const char *const *dimensions)
{
    cJSON *places = report_places(items, dimensions), *where;
    cJSON_ArrayForEach(where, places)
    {
        double chance = mean_chance(items, field, where);
        if (isfinite(chance))
            report_add_reference(r, name, "chance", where, chance);
    }
    cJSON_Delete(places);
}

enum status report_add_places(struct report *r, const cJSON *items, const struct metric *metrics, size_t n_metrics,
                              const char *const *dimensions, struct error *err)
{
    cJSON *places = report_places(items, dimensions);
    const cJSON *where;
    enum status status = OK;
    cJSON_ArrayForEach(where, places)
    {
        for (size_t k = 0; k < n_metrics && status == OK; k++)
            status = report_add(r, items, &metrics[k], where, err);
    }
    cJSON_Delete(places);
    return status;
}

/* How long the array before ".*" is, in any result. */
static size_t longest(const cJSON *items, const char *field)
{
    size_t most = 0;
    const cJSON *item, *result;
    struct text array = {0};
    text_add(&array, field, strcspn(field, "*") ? strcspn(field, "*") - 1 : 0);
    cJSON_ArrayForEach(item, items)
    {
        cJSON_ArrayForEach(result, cJSON_GetObjectItemCaseSensitive(item, "results"))
        {
            size_t n = (size_t)cJSON_GetArraySize(json_path(result, array.data ? array.data : ""));
            most = n > most ? n : most;
        }
    }
    text_free(&array);
    return most;
}

enum status report_add_indexed(struct report *r, const cJSON *items, const struct metric *metrics, size_t n_metrics,
                               const char *const *dimensions, const char *index, struct error *err)
{
    cJSON *places = report_places(items, dimensions);
    cJSON *place;
    enum status status = OK;
    size_t n = n_metrics ? longest(items, metrics[0].field) : 0;
    cJSON_ArrayForEach(place, places)
    {
        for (size_t i = 0; i < n && status == OK; i++) {
            cJSON *where = cJSON_Duplicate(place, true);
            json_add_number(where, index, (double)i);
            for (size_t k = 0; k < n_metrics && status == OK; k++) {
                const char *star = strchr(metrics[k].field, '*');
                struct metric one = metrics[k];
                struct text field = {0};
                text_printf(&field, "%.*s%zu%s", (int)(star - one.field), one.field, i, star + 1);
                one.field = field.data;
                status =
                    field.data ? report_add(r, items, &one, where, err) : error_set(err, ERR_SYSTEM, "report: out of memory");
                text_free(&field);
            }
            cJSON_Delete(where);
        }
    }
    cJSON_Delete(places);
    return status;
}

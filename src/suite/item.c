/* item.c - see item.h. */
#include "suite/item.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t size_at(const struct dimension *d, const void *item)
{
    size_t value;
    memcpy(&value, (const char *)item + d->offset, sizeof value);
    return value;
}

static double number_at(const struct dimension *d, const void *item)
{
    double value;
    memcpy(&value, (const char *)item + d->offset, sizeof value);
    return value;
}

static const char *text_at(const struct dimension *d, const void *item)
{
    const char *value;
    if (d->kind == DIMENSION_NAME)
        return d->names[size_at(d, item)];
    memcpy(&value, (const char *)item + d->offset, sizeof value);
    return value;
}

static bool absent(const struct dimension *d, const void *item)
{
    return d->kind == DIMENSION_SIZE ? size_at(d, item) == ITEM_NONE : d->kind == DIMENSION_TEXT && text_at(d, item) == NULL;
}

bool item_id(struct text *out, const struct dimension *d, const void *item)
{
    bool ok = text_puts(out, "");
    for (size_t from = out->len; d->name != NULL && ok; d++) {
        if (absent(d, item))
            continue;
        ok = d->joint ? text_puts(out, d->joint) : text_printf(out, "%s%s=", out->len > from ? "," : "", d->name);
        if (ok && d->kind == DIMENSION_SIZE)
            ok = text_printf(out, "%zu", size_at(d, item));
        else if (ok && d->kind == DIMENSION_NUMBER)
            ok = text_printf(out, "%.9g", number_at(d, item));
        else if (ok)
            ok = text_puts(out, text_at(d, item));
    }
    return ok;
}

cJSON *item_where(const struct dimension *d, const void *item)
{
    cJSON *where = cJSON_CreateObject();
    for (; d->name != NULL; d++)
        if (absent(d, item))
            continue;
        else if (d->kind == DIMENSION_SIZE)
            json_add_number(where, d->name, (double)size_at(d, item));
        else if (d->kind == DIMENSION_NUMBER)
            json_add_number(where, d->name, number_at(d, item));
        else
            cJSON_AddStringToObject(where, d->name, text_at(d, item));
    return where;
}

static enum status wrong(const struct dimension *d, const char *id, const char *expected, struct error *err)
{
    return error_set(err, ERR_INPUT, "item '%.100s': '%s' is missing or wrong, expected %s", id, d->name, expected);
}

static enum status read_name(size_t *index, const struct dimension *d, const cJSON *value, const char *id, struct error *err)
{
    for (size_t i = 0; cJSON_IsString(value) && d->names[i] != NULL; i++)
        if (strcmp(d->names[i], value->valuestring) == 0) {
            *index = i;
            return OK;
        }
    return wrong(d, id, "one of the names that the task has", err);
}

enum status item_read(void *item, const struct dimension *d, const cJSON *where, const char *id, struct error *err)
{
    for (; d->name != NULL; d++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(where, d->name);
        void *place = (char *)item + d->offset;
        size_t size = ITEM_NONE;
        if (d->kind == DIMENSION_TEXT) {
            const char *text = cJSON_GetStringValue(value);
            if (value != NULL && text == NULL)
                return wrong(d, id, "text", err);
            memcpy(place, &text, sizeof text);
            continue;
        }
        if (d->kind == DIMENSION_NUMBER) {
            if (!cJSON_IsNumber(value))
                return wrong(d, id, "a number", err);
            memcpy(place, &value->valuedouble, sizeof value->valuedouble);
            continue;
        }
        if (d->kind == DIMENSION_NAME && read_name(&size, d, value, id, err) != OK)
            return ERR_INPUT;
        if (d->kind == DIMENSION_SIZE && value != NULL) {
            if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble < 9007199254740992.0) ||
                value->valuedouble != floor(value->valuedouble))
                return wrong(d, id, "a number from 0", err);
            size = (size_t)value->valuedouble;
        }
        memcpy(place, &size, sizeof size);
    }
    return OK;
}

void plan_init(struct plan *p, const struct dimension *dimensions, size_t item_size)
{
    *p = (struct plan){.dimensions = dimensions, .item_size = item_size};
}

void plan_free(struct plan *p)
{
    free(p->items);
    *p = (struct plan){0};
}

void plan_add(struct plan *p, const void *item)
{
    p->failed = p->failed || !mem_grow((void **)&p->items, &p->capacity, p->n + 1, p->item_size);
    if (!p->failed)
        memcpy(p->items + p->item_size * p->n++, item, p->item_size);
}

const void *plan_item(const struct plan *p, size_t i)
{
    return p->items + p->item_size * i;
}

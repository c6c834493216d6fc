/* fields.c - see fields.h. */
#include "suite/fields.h"

#include <stdlib.h>
#include <string.h>

/* "new=old" within the option's text. */
struct field {
    const char *name, *value;
    size_t name_length, value_length;
    bool constant;
};

/* The next one; false when the text is none. */
static bool next_field(struct field *f, const char **at)
{
    const char *p = *at, *equals = p + strcspn(p, "=,");
    if (*equals != '=' || equals == p)
        return false;
    *f = (struct field){p, equals + 1, (size_t)(equals - p), 0, equals[1] == '\'' || equals[1] == '"'};
    if (f->constant) {
        const char *end = strchr(f->value + 1, *f->value);
        if (end == NULL || (end[1] != ',' && end[1] != '\0'))
            return false;
        f->value_length = (size_t)(++f->value, end - f->value);
        *at = end + 1;
    } else {
        f->value_length = strcspn(f->value, ",");
        *at = f->value + f->value_length;
    }
    *at += **at == ',';
    return f->constant || f->value_length > 0;
}

/* What a path leads to, fresh; NULL: nowhere. */
static cJSON *follow(const cJSON *node, const char *path)
{
    const cJSON *whole = json_path(node, path), *element;
    if (whole != NULL)
        return cJSON_Duplicate(whole, true);
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) { /* the part before it may be a list */
        char *front = strndup(path, (size_t)(dot - path));
        const cJSON *list = json_path(node, front);
        cJSON *all = cJSON_IsArray(list) && list->child != NULL ? cJSON_CreateArray() : NULL;
        free(front);
        for (element = all ? list->child : NULL; element != NULL && all != NULL; element = element->next) {
            cJSON *value = follow(element, dot + 1);
            if (value != NULL) {
                cJSON_AddItemToArray(all, value);
            } else {
                cJSON_Delete(all);
                all = NULL;
            }
        }
        if (all != NULL)
            return all;
    }
    return NULL;
}

/* The new members of one record, made before any is put in. */
static enum status map_record(cJSON *record, size_t number, const char *fields, const char *path, struct error *err)
{
    cJSON *made = cJSON_CreateObject();
    enum status status = OK;
    struct field f;
    for (const char *at = fields; *at != '\0' && status == OK;) {
        if (!next_field(&f, &at)) {
            status = error_set(err, ERR_USAGE,
                               "--field: '%.200s' is wrong, expected NAME=FIELD or NAME='TEXT', separated by commas", fields);
            break;
        }
        char *name = strndup(f.name, f.name_length), *old = strndup(f.value, f.value_length);
        cJSON *value = f.constant ? cJSON_CreateString(old) : follow(record, old);
        if (value != NULL)
            cJSON_AddItemToObject(made, name, value);
        else
            status = error_set(err, ERR_INPUT, "%s: record %zu: field '%.60s' is missing, expected it for %.60s", path, number,
                               old, name);
        free(name);
        free(old);
    }
    for (cJSON *value = made->child, *next; value != NULL && status == OK; value = next) {
        next = value->next;
        cJSON_DeleteItemFromObjectCaseSensitive(record, value->string);
        char *name = strdup(value->string);
        cJSON_AddItemToObject(record, name, cJSON_DetachItemViaPointer(made, value));
        free(name);
    }
    cJSON_Delete(made);
    return status;
}

enum status fields_apply(cJSON *records, const char *fields, const char *path, struct error *err)
{
    enum status status = OK;
    size_t number = 0;
    for (cJSON *record = fields ? records->child : NULL; record != NULL && status == OK; record = record->next)
        status = map_record(record, ++number, fields, path, err);
    return status;
}

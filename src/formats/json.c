/* json.c - JSON documents and typed getters; see json.h. */
#include "formats/json.h"

#include "base/file.h"
#include "base/utf8.h"
#include "formats/bounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status json_parse(cJSON **root, const char *name, const char *text, size_t length, struct error *err)
{
    const char *end = NULL;
    *root = NULL;
    if (length > JSON_BYTES)
        return error_set(err, ERR_INPUT, "%s: holds %zu bytes, expected JSON of at most %d", name, length, JSON_BYTES);
    if (memchr(text, '\0', length) != NULL)
        return error_set(err, ERR_INPUT, "%s: holds a NUL character, expected a JSON document", name);
    if (!utf8_valid(text, length))
        return error_set(err, ERR_INPUT, "%s: is not UTF-8, expected a JSON document", name);
    *root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (*root == NULL)
        return error_set(err, ERR_INPUT, "%s: not valid JSON at byte %zu, expected a JSON document", name,
                         end != NULL ? (size_t)(end - text) : 0);
    for (; end < text + length; end++)
        if (strchr(" \t\r\n", *end) == NULL || *end == '\0') {
            cJSON_Delete(*root);
            *root = NULL;
            return error_set(err, ERR_INPUT, "%s: text after the JSON document at byte %zu, expected its end", name,
                             (size_t)(end - text));
        }
    return OK;
}

enum status json_read(cJSON **root, const char *path, struct error *err)
{
    char *text;
    size_t length;
    *root = NULL;
    enum status status = file_read(&text, &length, path, err);
    if (status != OK)
        return status;
    status = json_parse(root, path, text, length, err);
    free(text);
    if (status == OK && !cJSON_IsObject(*root)) {
        cJSON_Delete(*root);
        *root = NULL;
        status = error_set(err, ERR_INPUT, "%s: the document is no object, expected {...}", path);
    }
    return status;
}

bool json_has(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return item != NULL && !cJSON_IsNull(item);
}

/* The item, or NULL with *status OK (optional and missing) or an error. */
static const cJSON *get(const cJSON *object, const char *key, bool optional, enum status *status, const char *kind,
                        const char *name, struct error *err)
{
    *status = OK;
    if (json_has(object, key))
        return cJSON_GetObjectItemCaseSensitive(object, key);
    if (!optional)
        *status = error_set(err, ERR_INPUT, "%s: key '%s' is missing, expected %s", name, key, kind);
    return NULL;
}

enum status json_get_int(const cJSON *object, const char *key, int64_t low, int64_t high, bool optional, int64_t *value,
                         const char *name, struct error *err)
{
    enum status status;
    const cJSON *item = get(object, key, optional, &status, "an integer", name, err);
    if (item == NULL)
        return status;
    double x = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(x >= (double)low && x <= (double)high) || x != floor(x))
        return error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected an integer from %lld to %lld", name, key,
                         (long long)low, (long long)high);
    *value = (int64_t)x;
    return OK;
}

enum status json_get_double(const cJSON *object, const char *key, double low, double high, bool optional, double *value,
                            const char *name, struct error *err)
{
    enum status status;
    const cJSON *item = get(object, key, optional, &status, "a number", name, err);
    if (item == NULL)
        return status;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= low && item->valuedouble <= high))
        return error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected a number from %g to %g", name, key, low, high);
    *value = item->valuedouble;
    return OK;
}

enum status json_get_bool(const cJSON *object, const char *key, bool optional, bool *value, const char *name, struct error *err)
{
    enum status status;
    const cJSON *item = get(object, key, optional, &status, "true or false", name, err);
    if (item == NULL)
        return status;
    if (!cJSON_IsBool(item))
        return error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected true or false", name, key);
    *value = cJSON_IsTrue(item);
    return OK;
}

enum status json_get_string(const cJSON *object, const char *key, bool optional, const char **value, const char *name,
                            struct error *err)
{
    enum status status;
    const cJSON *item = get(object, key, optional, &status, "a string", name, err);
    if (item == NULL)
        return status;
    if (!cJSON_IsString(item))
        return error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected a string", name, key);
    *value = item->valuestring;
    return OK;
}

cJSON *json_number(double value)
{
    if (!isfinite(value))
        return cJSON_CreateNull();
    char digits[40];
    snprintf(digits, sizeof digits, "%.9g", value);
    return cJSON_CreateNumber(strtod(digits, NULL));
}

void json_add_number(cJSON *object, const char *key, double value)
{
    cJSON_AddItemToObject(object, key, json_number(value));
}

enum status json_write(const char *path, const cJSON *root, struct error *err)
{
    char *text = cJSON_Print(root);
    if (text == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    struct text t = {0};
    enum status status = text_puts(&t, text) && text_puts(&t, "\n") ? file_write(path, t.data, t.len, err)
                                                                    : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    text_free(&t);
    free(text);
    return status;
}

/* The member or element that the first `n` bytes of the path name. */
static const cJSON *step(const cJSON *node, const char *path, size_t n)
{
    if (cJSON_IsArray(node)) {
        bool number = n > 0 && n < 10 && strspn(path, "0123456789") >= n;
        return number ? cJSON_GetArrayItem(node, atoi(path)) : NULL;
    }
    const cJSON *member = cJSON_IsObject(node) ? node->child : NULL;
    while (member != NULL && (strncmp(member->string, path, n) != 0 || member->string[n] != '\0'))
        member = member->next;
    return member;
}

const cJSON *json_path(const cJSON *root, const char *path)
{
    for (size_t n; root != NULL && *path != '\0'; path += n + (path[n] == '.')) {
        n = strcspn(path, ".");
        const cJSON *whole = path[n] == '.' ? step(root, path, strlen(path)) : NULL; /* a name may hold dots itself */
        if (whole != NULL)
            return whole;
        root = step(root, path, n);
    }
    return root;
}

double json_real(const cJSON *root, const char *path)
{
    return cJSON_GetNumberValue(json_path(root, path));
}

const char *json_text(const cJSON *root, const char *path)
{
    return cJSON_GetStringValue(json_path(root, path));
}

bool json_same_text(const cJSON *a, const cJSON *b, const char *path)
{
    const char *x = json_text(a, path), *y = json_text(b, path);
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

bool json_array_has(const cJSON *array, const cJSON *value)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_Compare(item, value, true))
            return true;
    }
    return false;
}

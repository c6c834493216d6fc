/* ids.c - see ids.h. */
#include "lm/ids.h"

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"

#include <stdlib.h>

enum status ids_read(int32_t **ids, size_t *n, const char *path, size_t vocab, size_t least, struct error *err)
{
    char *text = NULL;
    size_t length;
    cJSON *json = NULL;
    *ids = NULL;
    *n = 0;
    enum status status = file_read(&text, &length, path, err);
    if (status == OK)
        status = json_parse(&json, path, text, length, err);
    free(text);
    if (status != OK)
        return status;
    size_t count = cJSON_IsArray(json) ? (size_t)cJSON_GetArraySize(json) : 0;
    if (count < least)
        status = error_set(err, ERR_INPUT, "%s: holds %zu token ids, expected a JSON array of at least %zu", path, count, least);
    if (status == OK && (*ids = mem_array(count, sizeof **ids)) == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (const cJSON *item = status == OK ? json->child : NULL; item != NULL; item = item->next) {
        double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(x >= 0 && x < (double)vocab) || x != (double)(int32_t)x) {
            status = error_set(err, ERR_INPUT, "%s: element %zu is no token id, expected an integer from 0 to %zu", path, *n,
                               vocab - 1);
            break;
        }
        (*ids)[(*n)++] = (int32_t)x;
    }
    if (status != OK) {
        free(*ids);
        *ids = NULL;
    }
    cJSON_Delete(json);
    return status;
}

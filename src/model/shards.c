/* shards.c - see shards.h. */
#include "model/shards.h"

#include "base/memory.h"
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

void shards_close(struct shards *s)
{
    for (size_t i = 0; i < s->n; i++)
        tensor_file_close(&s->files[i]);
    free(s->files);
    *s = (struct shards){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status shards_open(struct shards *s, const char *folder, struct error *err)
{
    char *single = path_join(folder, "model.safetensors"), *index = path_join(folder, "model.safetensors.index.json");
    cJSON *json = NULL;
    const char **names = NULL;
    size_t n = 0;
    enum status status = OK;
    *s = (struct shards){0};
    if (single == NULL || index == NULL) {
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        goto done;
    }
    if (file_exists(single) || !file_exists(index)) {
        s->files = calloc(1, sizeof *s->files);
        status = s->files ? safetensors_open(&s->files[0], single, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        s->n = status == OK;
        goto done;
    }
    status = json_read(&json, index, err);
    if (status != OK)
        goto done;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "weight_map"), *item;
    size_t count = cJSON_IsObject(map) ? (size_t)cJSON_GetArraySize(map) : 0;
    names = calloc(count + 1, sizeof *names);
    s->files = calloc(count + 1, sizeof *s->files);
    if (count == 0 || names == NULL || s->files == NULL) {
        status = error_set(err, ERR_INPUT, "%s: key 'weight_map' is missing or empty, expected tensor names and files", index);
        goto done;
    }
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item) || strchr(item->valuestring, '/') != NULL) {
            status = error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected the name of a file in the same folder", index,
                               item->string);
            goto done;
        }
        names[n++] = item->valuestring;
    }
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        char *path = path_join(folder, names[i]);
        status = path ? safetensors_open(&s->files[s->n], path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        s->n += status == OK;
        free(path);
    }
done:
    if (status != OK)
        shards_close(s);
    free(single);
    free(index);
    free(names);
    cJSON_Delete(json);
    return status;
}

enum status shards_unchanged(const struct shards *s, struct error *err)
{
    for (size_t i = 0; i < s->n; i++)
        if (file_map_changed(&s->files[i].map))
            return error_set(err, ERR_INPUT, "%s: has changed while it was used, expected a file that stays as it is",
                             s->files[i].path);
    return OK;
}

const struct tensor *shards_find(const struct shards *s, const char *name, const char **path)
{
    const struct tensor *t = NULL;
    for (size_t i = 0; i < s->n && t == NULL; i++) {
        t = tensor_file_find(&s->files[i], name);
        *path = s->files[i].path;
    }
    return t;
}

void shards_hash(char sha256[65], const struct shards *s)
{
    struct text digests = {0};
    for (size_t i = 0; i < s->n; i++) {
        sha256_hex(sha256, s->files[i].map.data, s->files[i].map.size);
        text_puts(&digests, sha256);
    }
    if (s->n > 1 && digests.data != NULL)
        sha256_hex(sha256, digests.data, digests.len);
    text_free(&digests);
}

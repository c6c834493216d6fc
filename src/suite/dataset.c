/* dataset.c - see dataset.h. */
#include "suite/dataset.h"

#include "base/file.h"
#include "formats/records.h"
#include "suite/fields.h"
#include "suite/haystack.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum status dataset_load(struct dataset *d, const char *path, const char *fields, struct error *err)
{
    *d = (struct dataset){.path = strdup(path)};
    enum status status =
        d->path ? records_read(&d->records, d->sha256, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    size_t n = status == OK ? (size_t)cJSON_GetArraySize(d->records) : 0;
    if (status == OK && (d->record = calloc(n, sizeof *d->record)) == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (cJSON *r = status == OK ? d->records->child : NULL; r != NULL; r = r->next)
        d->record[d->n++] = r;
    if (status == OK)
        status = fields_apply(d->records, fields, path, err);
    if (status != OK)
        dataset_free(d);
    return status;
}

void dataset_free(struct dataset *d)
{
    free(d->path);
    free(d->record);
    cJSON_Delete(d->records);
    *d = (struct dataset){0};
}

enum status dataset_text(const struct dataset *d, size_t i, const char *field, char buffer[32], const char **text,
                         struct error *err)
{
    const cJSON *value = json_path(d->record[i], field);
    if (cJSON_IsArray(value) && cJSON_GetArraySize(value) == 1) /* as exports of several labels have it */
        value = value->child;
    if (cJSON_IsBool(value)) {
        *text = cJSON_IsTrue(value) ? "true" : "false";
        return OK;
    }
    if (cJSON_IsNumber(value)) {
        snprintf(buffer, 32, "%.15g", value->valuedouble);
        *text = buffer;
        return OK;
    }
    *text = cJSON_GetStringValue(value);
    return *text ? OK
                 : error_set(err, ERR_INPUT, "%s: record %zu: field '%s' is missing or no text, expected it (--field renames)",
                             d->path, i + 1, field);
}

static bool push(struct documents *d, size_t *capacity, const char *text, size_t length)
{
    size_t lengths = *capacity;
    if (!mem_grow((void **)&d->text, capacity, d->n + 1, sizeof *d->text) ||
        !mem_grow((void **)&d->length, &lengths, d->n + 1, sizeof *d->length))
        return false;
    char *copy = malloc(length + 1); /* a text may hold NUL characters */
    if (copy == NULL)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    d->text[d->n] = copy;
    d->length[d->n++] = length;
    return true;
}

static enum status from_records(struct documents *d, const char *path, size_t wanted, const char *fields, struct error *err)
{
    struct dataset set;
    size_t capacity = 0;
    char buffer[32];
    enum status status = dataset_load(&set, path, fields, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < set.n && d->n < wanted && status == OK; i++) {
        const char *text;
        status = dataset_text(&set, i, "text", buffer, &text, err);
        if (status == OK && !push(d, &capacity, text, strlen(text)))
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    memcpy(d->sha256, set.sha256, sizeof d->sha256);
    dataset_free(&set);
    return status;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Each file of a folder is a document, in the order of names; the digest is that of their digests. */
static enum status from_folder(struct documents *d, const char *path, size_t wanted, struct error *err)
{
    struct dirent **entries;
    struct text digests = {0};
    size_t capacity = 0;
    int n = scandir(path, &entries, visible, alphasort);
    enum status status = n >= 0 ? OK : error_set(err, ERR_INPUT, "%s: cannot be read, expected a folder of texts", path);
    for (int i = 0; i < n; i++) {
        char *name = path_join(path, entries[i]->d_name);
        struct haystack h;
        if (status == OK && name != NULL && d->n < wanted && !file_is_directory(name) &&
            (status = haystack_load(&h, name, err)) == OK) {
            if (!push(d, &capacity, h.text, h.length) || !text_puts(&digests, h.sha256))
                status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
            haystack_free(&h);
        }
        free(name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    sha256_hex(d->sha256, digests.data ? digests.data : "", digests.len);
    text_free(&digests);
    return status;
}

/* Pieces of one text. */
static enum status from_text(struct documents *d, const char *path, size_t wanted, size_t bytes, struct error *err)
{
    struct haystack h;
    size_t capacity = 0, next = 0;
    enum status status = haystack_load(&h, path, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < h.n_sentences && d->n < wanted && status == OK; i++) {
        size_t from = h.sentences[i];
        if (from < next)
            continue;
        if (d->n > 0 && from + bytes > h.length)
            break;
        size_t length = h.length - from < bytes ? h.length - from : bytes;
        while (from + length < h.length && length > 0 && ((unsigned char)h.text[from + length] & 0xc0) == 0x80)
            length--;
        next = from + length;
        if (!push(d, &capacity, h.text + from, length))
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    memcpy(d->sha256, h.sha256, sizeof d->sha256);
    haystack_free(&h);
    return status;
}

enum status documents_load(struct documents *d, const char *path, size_t wanted, size_t bytes, const char *fields,
                           struct error *err)
{
    *d = (struct documents){0};
    enum status status = file_is_directory(path) ? from_folder(d, path, wanted, err)
                         : records_named(path)   ? from_records(d, path, wanted, fields, err)
                                                 : from_text(d, path, wanted, bytes, err);
    if (status == OK && d->n == 0)
        status = error_set(err, ERR_INPUT, "%s: holds no text, expected documents", path);
    if (status != OK)
        documents_free(d);
    return status;
}

void documents_free(struct documents *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->text[i]);
    free(d->text);
    free(d->length);
    *d = (struct documents){0};
}

void experiment_add_data(struct experiment *e, const char *name, const char *path, const char *sha256, size_t records,
                         const char *licence)
{
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "name", name);
    cJSON_AddStringToObject(data, "path", path);
    cJSON_AddStringToObject(data, "sha256", sha256);
    json_add_number(data, "records", (double)records);
    if (licence != NULL)
        cJSON_AddStringToObject(data, "licence", licence);
    cJSON_AddItemToArray(e->data, data);
}

char *experiment_data_path(const char *given, const char *embedded)
{
    return given ? strdup(given) : embedded_path(embedded);
}

/* safetensors.c - see safetensors.h. */
#include "formats/safetensors.h"

#include "base/terminal.h"
#include "formats/json.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum dtype dtype;
    size_t size;
} DTYPES[] = {
    {"F32", DTYPE_F32, 4},   {"F16", DTYPE_F16, 2},       {"BF16", DTYPE_BF16, 2},     {"I64", DTYPE_I64, 8},
    {"F64", DTYPE_OTHER, 8}, {"I32", DTYPE_OTHER, 4},     {"I16", DTYPE_OTHER, 2},     {"I8", DTYPE_OTHER, 1},
    {"U8", DTYPE_OTHER, 1},  {"BOOL", DTYPE_OTHER, 1},    {"U16", DTYPE_OTHER, 2},     {"U32", DTYPE_OTHER, 4},
    {"U64", DTYPE_OTHER, 8}, {"F8_E4M3", DTYPE_OTHER, 1}, {"F8_E5M2", DTYPE_OTHER, 1},
};
enum { N_DTYPES = sizeof DTYPES / sizeof *DTYPES };
static const size_t MAX_HEADER = (size_t)100 << 20;

static enum status bad(struct error *err, const char *path, const char *name, const char *what)
{
    return error_set(err, ERR_INPUT, "%s: tensor '%s': %s", path, name, what);
}

/* Reads one header entry; `data` and `size` are the file's bytes after the header. */
static enum status read_entry(struct tensor *t, const cJSON *item, const unsigned char *data, size_t size, const char *path,
                              struct error *err)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (!cJSON_IsString(dtype) || !cJSON_IsArray(shape) || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2)
        return bad(err, path, item->string, "the header entry is wrong, expected dtype, shape and data_offsets");
    size_t element = 0;
    for (size_t i = 0; i < N_DTYPES; i++)
        if (strcmp(DTYPES[i].name, dtype->valuestring) == 0) {
            t->dtype = DTYPES[i].dtype;
            element = DTYPES[i].size;
        }
    if (element == 0)
        return error_set(err, ERR_INPUT, "%s: tensor '%s': dtype '%.20s' is unknown, expected F32, F16 or BF16", path,
                         item->string, dtype->valuestring);
    strncpy(t->dtype_name, dtype->valuestring, sizeof t->dtype_name - 1);
    if (cJSON_GetArraySize(shape) > TENSOR_MAX_DIMS)
        return bad(err, path, item->string, "shape has too many dimensions, expected at most 8");
    t->count = 1;
    const cJSON *n;
    cJSON_ArrayForEach(n, shape)
    {
        if (!cJSON_IsNumber(n) || n->valuedouble < 0 || n->valuedouble > 0x1p52 ||
            n->valuedouble != (double)(size_t)n->valuedouble || !size_mul(t->count, (size_t)n->valuedouble, &t->count))
            return bad(err, path, item->string, "shape is wrong, expected sizes whose product fits");
        t->shape[t->n_dims++] = (size_t)n->valuedouble;
    }
    double begin = cJSON_IsNumber(offsets->child) ? offsets->child->valuedouble : -1;
    double end = cJSON_IsNumber(offsets->child->next) ? offsets->child->next->valuedouble : -1;
    size_t bytes;
    if (!(begin >= 0 && end >= begin && end <= (double)size) || begin != (double)(size_t)begin || end != (double)(size_t)end)
        return bad(err, path, item->string, "data_offsets lie outside the file, expected a range within it (is it truncated?)");
    if (!size_mul(t->count, element, &bytes) || bytes != (size_t)end - (size_t)begin)
        return bad(err, path, item->string, "data_offsets do not fit the shape, expected shape times element size bytes");
    t->data = data + (size_t)begin;
    t->name = strdup(item->string);
    return t->name ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
}

static size_t stored_bytes(const struct tensor *t)
{
    for (size_t i = 0; i < N_DTYPES; i++)
        if (strcmp(DTYPES[i].name, t->dtype_name) == 0)
            return t->count * DTYPES[i].size;
    return 0;
}

/* In the order of their data; an empty tensor before what begins at the same place. */
static int by_data(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    return x->data != y->data ? (x->data > y->data) - (x->data < y->data) : (x->count > 0) - (y->count > 0);
}

/* The format has no bytes that are two tensors' or none's. */
static enum status check_places(struct tensor_file *st, size_t start, struct error *err)
{
    const unsigned char *end = st->map.data + start, *all = st->map.data + st->map.size;
    qsort(st->tensors, st->n_tensors, sizeof *st->tensors, by_data);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const struct tensor *t = &st->tensors[i];
        if (t->data < end)
            return bad(err, st->path, t->name, "its bytes are another tensor's too, expected tensors one after another");
        if (t->data > end)
            return bad(err, st->path, t->name,
                       "there are bytes before it that are no tensor's, expected tensors one after another");
        end += stored_bytes(t);
    }
    return end == all ? OK
                      : error_set(err, ERR_INPUT, "%s: %zu bytes follow the last tensor, expected the end of the file", st->path,
                                  (size_t)(all - end));
}

static enum status read_header(struct tensor_file *st, const cJSON *header, size_t start, struct error *err)
{
    st->tensors = calloc((size_t)cJSON_GetArraySize(header) + 1, sizeof *st->tensors);
    if (st->tensors == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", st->path);
    const cJSON *item;
    cJSON_ArrayForEach(item, header)
    {
        if (strcmp(item->string, "__metadata__") == 0)
            continue;
        enum status status =
            read_entry(&st->tensors[st->n_tensors], item, st->map.data + start, st->map.size - start, st->path, err);
        if (status != OK)
            return status;
        st->n_tensors++;
    }
    enum status status = check_places(st, start, err);
    return status == OK ? tensor_file_sort(st, err) : status;
}

enum status safetensors_open(struct tensor_file *st, const char *path, struct error *err)
{
    *st = (struct tensor_file){0};
    cJSON *header = NULL;
    enum status status = file_map_open(&st->map, path, err);
    if (status != OK)
        return status;
    st->path = strdup(path);
    uint64_t length = 0;
    for (size_t i = 8; i > 0 && st->map.size >= 8; i--)
        length = length << 8 | st->map.data[i - 1];
    if (st->map.size < 8 || length > st->map.size - 8 || length > MAX_HEADER)
        status =
            error_set(err, ERR_INPUT, "%s: the header's length does not fit the file of %zu bytes, expected a safetensors file",
                      path, st->map.size);
    if (status == OK)
        status = json_parse(&header, path, (const char *)st->map.data + 8, (size_t)length, err);
    if (status == OK && !cJSON_IsObject(header))
        status = error_set(err, ERR_INPUT, "%s: the header is no object, expected a safetensors file", path);
    if (status == OK)
        status = read_header(st, header, 8 + (size_t)length, err);
    cJSON_Delete(header);
    if (status != OK)
        tensor_file_close(st);
    return status;
}

static size_t element_size(enum dtype dtype)
{
    for (size_t i = 0; i < N_DTYPES; i++)
        if (DTYPES[i].dtype == dtype)
            return DTYPES[i].size;
    return 0;
}

static const char *dtype_name(enum dtype dtype)
{
    for (size_t i = 0; i < N_DTYPES; i++)
        if (DTYPES[i].dtype == dtype)
            return DTYPES[i].name;
    return NULL;
}

/* Bytes as they are stored, a part at a time. */
static void write_stored(FILE *stream, const void *data, size_t size, struct progress *progress)
{
    enum { PART = 1 << 23 };
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at < PART ? size - at : PART;
        fwrite((const char *)data + at, 1, n, stream);
        progress_add(progress, n);
    }
}

static void write_floats(FILE *stream, enum dtype dtype, const float *x, size_t n)
{
    if (dtype == DTYPE_F32) {
        fwrite(x, sizeof *x, n, stream);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t half = bf16_from_f32(x[i]);
        fwrite(&half, 2, 1, stream);
    }
}

static void write_data(FILE *stream, const struct tensor_out *t, size_t count, struct progress *progress)
{
    enum { CHUNK = 4096 };
    float x[CHUNK];
    if (t->stored != NULL)
        write_stored(stream, t->stored, element_size(t->dtype) * count, progress);
    else if (t->dtype == DTYPE_I64)
        fwrite(t->data, sizeof(int64_t), count, stream);
    else if (t->fill == NULL)
        write_floats(stream, t->dtype, t->data, count);
    for (size_t i = 0, n; t->fill != NULL && i < count; i += n) {
        n = count - i < CHUNK ? count - i : CHUNK;
        t->fill(t->context, x, i, n);
        write_floats(stream, t->dtype, x, n);
        progress_add(progress, n * element_size(t->dtype));
    }
}

enum status safetensors_write(const char *path, const struct tensor_out *tensors, size_t n, struct error *err)
{
    cJSON *header = cJSON_CreateObject();
    cJSON_AddStringToObject(cJSON_AddObjectToObject(header, "__metadata__"), "format", "pt");
    const char *name = strrchr(path, '/');
    size_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        const struct tensor_out *t = &tensors[i];
        size_t bytes = element_size(t->dtype);
        cJSON *entry = cJSON_AddObjectToObject(header, t->name);
        cJSON_AddStringToObject(entry, "dtype", dtype_name(t->dtype));
        cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
        for (size_t d = 0; d < t->n_dims; d++) {
            cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape[d]));
            bytes *= t->shape[d];
        }
        cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
        cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)offset));
        cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)(offset += bytes)));
    }
    struct text json = {0};
    char *printed = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    bool ok = printed != NULL && text_puts(&json, printed);
    free(printed);
    while (ok && json.len % 8 != 0) /* the format pads with spaces so that the data is aligned */
        ok = text_puts(&json, " ");
    struct file_writer w = {0};
    enum status status = ok ? file_writer_open(&w, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK) {
        uint64_t length = json.len;
        fwrite(&length, 8, 1, w.stream);
        fwrite(json.data, 1, json.len, w.stream);
        struct progress progress = progress_begin(name ? name + 1 : path, offset, true);
        for (size_t i = 0; i < n && !ferror(w.stream); i++) {
            size_t count = 1;
            for (size_t d = 0; d < tensors[i].n_dims; d++)
                count *= tensors[i].shape[d];
            write_data(w.stream, &tensors[i], count, &progress);
        }
        progress_end(&progress);
        status = file_writer_commit(&w, err);
    }
    text_free(&json);
    return status;
}

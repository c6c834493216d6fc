/* gguf.c - see gguf.h. */
#include "formats/gguf.h"

#include "base/utf8.h"
#include "formats/bounds.h"

#include <stdlib.h>
#include <string.h>

/* The types of metadata values. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

/* The types of tensors: ours where they hold weights. The others are refused by name. */
static const struct {
    const char *name;
    enum dtype dtype;
} TYPES[] = {
    [0] = {"F32", DTYPE_F32},        [1] = {"F16", DTYPE_F16},        [2] = {"Q4_0", DTYPE_Q4_0},
    [3] = {"Q4_1", DTYPE_Q4_1},      [6] = {"Q5_0", DTYPE_Q5_0},      [7] = {"Q5_1", DTYPE_Q5_1},
    [8] = {"Q8_0", DTYPE_Q8_0},      [9] = {"Q8_1", DTYPE_OTHER},     [10] = {"Q2_K", DTYPE_Q2_K},
    [11] = {"Q3_K", DTYPE_Q3_K},     [12] = {"Q4_K", DTYPE_Q4_K},     [13] = {"Q5_K", DTYPE_Q5_K},
    [14] = {"Q6_K", DTYPE_Q6_K},     [15] = {"Q8_K", DTYPE_OTHER},    [16] = {"IQ2_XXS", DTYPE_OTHER},
    [17] = {"IQ2_XS", DTYPE_OTHER},  [18] = {"IQ3_XXS", DTYPE_OTHER}, [19] = {"IQ1_S", DTYPE_OTHER},
    [20] = {"IQ4_NL", DTYPE_IQ4_NL}, [21] = {"IQ3_S", DTYPE_OTHER},   [22] = {"IQ2_S", DTYPE_OTHER},
    [23] = {"IQ4_XS", DTYPE_IQ4_XS}, [24] = {"I8", DTYPE_OTHER},      [25] = {"I16", DTYPE_OTHER},
    [26] = {"I32", DTYPE_OTHER},     [27] = {"I64", DTYPE_OTHER},     [28] = {"F64", DTYPE_OTHER},
    [29] = {"IQ1_M", DTYPE_OTHER},   [30] = {"BF16", DTYPE_BF16},     [34] = {"TQ1_0", DTYPE_OTHER},
    [35] = {"TQ2_0", DTYPE_OTHER},   [39] = {"MXFP4", DTYPE_OTHER},
};
enum { N_TYPES = sizeof TYPES / sizeof *TYPES, MAX_DEPTH = 2 };

/* Bytes still to be read. */
struct cursor {
    const unsigned char *at, *end;
    size_t values; /* read so far */
    bool broken;
};

static uint64_t take(struct cursor *c, size_t n)
{
    uint64_t value = 0;
    if (c->broken || n > (size_t)(c->end - c->at)) {
        c->broken = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)c->at[i] << 8 * i;
    c->at += n;
    return value;
}

/* A string in fresh memory, or NULL. */
static char *take_string(struct cursor *c)
{
    uint64_t n = take(c, 8);
    if (c->broken || n > (uint64_t)(c->end - c->at)) {
        c->broken = true;
        return NULL;
    }
    char *s = strndup((const char *)c->at, (size_t)n);
    c->at += n;
    return s;
}

static double take_float(struct cursor *c, size_t n)
{
    uint64_t bits = take(c, n);
    uint32_t low = (uint32_t)bits;
    float f;
    double d;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    return n == 4 ? (double)f : d;
}

static cJSON *take_value(struct cursor *c, uint64_t type, int depth)
{
    static const size_t width[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (++c->values > GGUF_VALUES) {
        c->broken = true;
        return NULL;
    }
    if (type == GGUF_STRING) {
        char *s = take_string(c);
        cJSON *value = s && utf8_valid(s, strlen(s)) ? cJSON_CreateString(s) : cJSON_CreateString("");
        free(s);
        return value;
    }
    if (type == GGUF_ARRAY && depth < MAX_DEPTH) {
        uint64_t inner = take(c, 4), n = take(c, 8);
        cJSON *list = cJSON_CreateArray();
        for (uint64_t i = 0; i < n && !c->broken; i++)
            cJSON_AddItemToArray(list, take_value(c, inner, depth + 1));
        return list;
    }
    if (type == GGUF_F32 || type == GGUF_F64)
        return cJSON_CreateNumber(take_float(c, width[type]));
    if (type >= sizeof width / sizeof *width || width[type] == 0) {
        c->broken = true;
        return NULL;
    }
    uint64_t bits = take(c, width[type]);
    if (type == GGUF_BOOL)
        return cJSON_CreateBool(bits != 0);
    unsigned unused = 64 - 8 * (unsigned)width[type];
    bool is_signed = type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 || type == GGUF_I64;
    return cJSON_CreateNumber(is_signed ? (double)((int64_t)(bits << unused) >> unused) : (double)bits);
}

/* A tensor's entry; its data is found later, from `offset`. */
static enum status read_tensor(struct tensor *t, uint64_t *offset, struct cursor *c, const char *path, struct error *err)
{
    t->name = take_string(c);
    uint64_t n_dims = take(c, 4), dims[4] = {1, 1, 1, 1};
    if (c->broken || t->name == NULL || n_dims == 0 || n_dims > 4)
        return error_set(err, ERR_INPUT, "%s: tensor '%.60s': the entry is wrong or cut off, expected 1 to 4 sizes", path,
                         t->name ? t->name : "?");
    t->count = 1;
    t->n_dims = (size_t)n_dims;
    for (size_t i = 0; i < n_dims; i++) {
        dims[i] = take(c, 8);
        if (dims[i] > (uint64_t)1 << 48 || !size_mul(t->count, (size_t)dims[i], &t->count))
            return error_set(err, ERR_INPUT, "%s: tensor '%s': the sizes are wrong, expected a product that fits", path, t->name);
        t->shape[n_dims - 1 - i] = (size_t)dims[i];
    }
    uint64_t type = take(c, 4);
    *offset = take(c, 8);
    if (c->broken)
        return error_set(err, ERR_INPUT, "%s: tensor '%s': the entry is cut off, expected its type and place", path, t->name);
    const char *name = type < N_TYPES ? TYPES[type].name : NULL;
    if (name == NULL || TYPES[type].dtype == DTYPE_OTHER) {
        struct text known = {0};
        for (enum dtype d = 0; d < DTYPE_WEIGHTS; d++)
            text_printf(&known, "%s%s", d ? ", " : "", dtype_form(d)->name);
        error_write(err, ERR_INPUT, "%s: tensor '%s': type %llu%s%s is not supported, expected one of %s", path, t->name,
                    (unsigned long long)type, name ? ", " : "", name ? name : "", known.data);
        text_free(&known);
        return ERR_INPUT;
    }
    t->dtype = TYPES[type].dtype;
    snprintf(t->dtype_name, sizeof t->dtype_name, "%s", name);
    size_t block = dtype_form(t->dtype)->block;
    return dims[0] % block == 0 ? OK
                                : error_set(err, ERR_INPUT, "%s: tensor '%s': rows of %llu are no multiple of its block of %zu",
                                            path, t->name, (unsigned long long)dims[0], block);
}

static enum status read_tensors(struct tensor_file *f, struct cursor *c, uint64_t n, uint64_t alignment, struct error *err)
{
    enum { LEAST_ENTRY = 32 }; /* bytes of the shortest entry */
    enum status status = OK;
    if (n > (uint64_t)(c->end - c->at) / LEAST_ENTRY + 1)
        return error_set(err, ERR_INPUT, "%s: claims %llu tensors, expected as many as the file has room for", f->path,
                         (unsigned long long)n);
    f->tensors = calloc((size_t)n + 1, sizeof *f->tensors);
    uint64_t *offset = calloc((size_t)n + 1, sizeof *offset);
    if (f->tensors == NULL || offset == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", f->path);
    for (size_t i = 0; i < n && status == OK; i++) {
        f->n_tensors++;
        status = read_tensor(&f->tensors[i], &offset[i], c, f->path, err);
    }
    uint64_t start = ((uint64_t)(c->at - f->map.data) + alignment - 1) / alignment * alignment, expected = 0;
    for (size_t i = 0; i < n && status == OK; i++) {
        struct tensor *t = &f->tensors[i];
        const struct dtype_form *form = dtype_form(t->dtype);
        size_t bytes = t->count / form->block;
        bool fits = size_mul(bytes, form->bytes, &bytes) && start <= f->map.size && offset[i] <= f->map.size - start &&
                    bytes <= f->map.size - start - offset[i];
        t->data = fits ? f->map.data + start + offset[i] : NULL;
        if (!fits)
            status = error_set(err, ERR_INPUT, "%s: tensor '%s' lies outside the file, expected it within (is it truncated?)",
                               f->path, t->name);
        else if (offset[i] != expected) /* as llama.cpp has it: in order, no bytes of two or of none */
            status = error_set(err, ERR_INPUT, "%s: tensor '%s' begins at %llu, expected %llu, after the tensor before it",
                               f->path, t->name, (unsigned long long)offset[i], (unsigned long long)expected);
        expected = (offset[i] + bytes + alignment - 1) / alignment * alignment;
    }
    free(offset);
    return status;
}

static enum status read_metadata(cJSON *metadata, struct cursor *c, uint64_t n, const char *path, struct error *err)
{
    for (uint64_t i = 0; i < n; i++) {
        char *key = take_string(c);
        uint64_t type = take(c, 4);
        cJSON *value = c->broken ? NULL : take_value(c, type, 0);
        if (c->broken || key == NULL || value == NULL) {
            if (c->values > GGUF_VALUES)
                error_write(err, ERR_INPUT, "%s: metadata key '%.60s' has too many values, expected at most %d in all", path,
                            key ? key : "?", GGUF_VALUES);
            else
                error_write(err, ERR_INPUT, "%s: metadata key '%.60s' is wrong or cut off, expected a typed value", path,
                            key ? key : "?");
            cJSON_Delete(value);
            free(key);
            return ERR_INPUT;
        }
        cJSON_AddItemToObject(metadata, key, value);
        free(key);
    }
    return OK;
}

enum status gguf_open(struct tensor_file *f, cJSON **metadata, const char *path, struct error *err)
{
    *f = (struct tensor_file){0};
    *metadata = NULL;
    enum status status = file_map_open(&f->map, path, err);
    if (status != OK)
        return status;
    f->path = strdup(path);
    *metadata = cJSON_CreateObject();
    struct cursor c = {.at = f->map.data, .end = f->map.data ? f->map.data + f->map.size : NULL};
    uint64_t magic = take(&c, 4), version = take(&c, 4), n_tensors = take(&c, 8), n_keys = take(&c, 8), alignment = 32;
    if (f->path == NULL || *metadata == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    else if (c.broken || magic != 0x46554747 || version < 2 || version > 3)
        status = error_set(err, ERR_INPUT, "%s: is no GGUF file of version 2 or 3, expected one", path);
    if (status == OK)
        status = read_metadata(*metadata, &c, n_keys, path, err);
    if (status == OK) {
        int64_t given = 32;
        status = json_get_int(*metadata, "general.alignment", 1, 1 << 20, true, &given, path, err);
        alignment = (uint64_t)given;
    }
    if (status == OK)
        status = read_tensors(f, &c, n_tensors, alignment, err);
    if (status == OK)
        status = tensor_file_sort(f, err);
    if (status != OK) {
        tensor_file_close(f);
        cJSON_Delete(*metadata);
        *metadata = NULL;
    }
    return status;
}

bool gguf_named(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcasecmp(path + n - 5, ".gguf") == 0;
}

/* Of a name that ends in -0000N-of-0000M.gguf. */
enum { PART_ENDING = sizeof "-00001-of-00002.gguf" - 1 };

size_t gguf_parts_named(const char *path)
{
    size_t n = strlen(path);
    const char *ending = path + n - PART_ENDING;
    bool named = n > PART_ENDING && gguf_named(path) && *ending == '-' && strspn(ending + 1, "0123456789") == 5 &&
                 strncmp(ending + 6, "-of-", 4) == 0 && strspn(ending + 10, "0123456789") == 5;
    size_t count = named ? (size_t)strtoul(ending + 10, NULL, 10) : 1;
    return count > 0 ? count : 1;
}

char *gguf_part_path(const char *path, size_t part, size_t count)
{
    struct text out = {0};
    if (count < 2 || gguf_parts_named(path) != count)
        return NULL;
    const char *ending = path + strlen(path) - PART_ENDING;
    text_printf(&out, "%.*s-%05zu%s", (int)(ending - path), path, part, ending + 6);
    return out.data;
}

/* torch_file.c - see torch_file.h. */
#include "formats/torch_file.h"

#include "base/file.h"
#include "base/memory.h"
#include "formats/bounds.h"
#include "formats/pickle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* The storages of PyTorch that hold weights. */
static const struct {
    const char *global;
    enum dtype dtype;
    size_t size;
} STORAGES[] = {
    {"torch FloatStorage", DTYPE_F32, 4}, {"torch HalfStorage", DTYPE_F16, 2}, {"torch BFloat16Storage", DTYPE_BF16, 2}};
enum { N_STORAGES = sizeof STORAGES / sizeof *STORAGES };

/* n bytes in fresh memory, which grows as they come: what an entry claims is not believed before. */
static bool read_all(unsigned char **bytes, size_t n, zip_file_t *file)
{
    size_t capacity = 0, got = 0;
    *bytes = malloc(1);
    while (got < n) {
        size_t room = got < (1 << 16) ? (size_t)1 << 16 : 2 * got;
        capacity = room < n ? room : n;
        *bytes = realloc(*bytes, capacity);
        zip_int64_t read = zip_fread(file, *bytes + got, capacity - got);
        if (read <= 0)
            return false;
        got += (size_t)read;
    }
    return true;
}

/* A whole entry of the archive in fresh memory; `suffix`: the first whose name ends so, for the archive's own folder varies. */
static enum status read_entry(unsigned char **bytes, size_t *n, const struct torch_file *f, zip_t *zip, const char *suffix,
                              const char *path, struct error *err)
{
    zip_stat_t stat;
    zip_int64_t found = -1, count = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < count && found < 0; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        size_t length = name ? strlen(name) : 0, ending = strlen(suffix);
        if (length > ending && strcmp(name + length - ending, suffix) == 0)
            found = i;
    }
    *bytes = NULL;
    if (found < 0 || zip_stat_index(zip, (zip_uint64_t)found, 0, &stat) != 0)
        return error_set(err, ERR_INPUT, "%s: entry '%s' is missing, expected an archive of torch.save", path, suffix);
    bool fits = stat.comp_size <= f->size &&
                (stat.comp_method == ZIP_CM_STORE ? stat.size == stat.comp_size : unpacked_within_bounds(f->size, stat.size));
    if (!fits)
        return error_set(err, ERR_INPUT, "%s: entry '%s' claims %llu bytes, expected what a file of %zu bytes can hold", path,
                         suffix, (unsigned long long)stat.size, f->size);
    *n = (size_t)stat.size;
    zip_file_t *file = zip_fopen_index(zip, (zip_uint64_t)found, 0);
    bool ok = file != NULL && read_all(bytes, *n, file);
    int code = file ? zip_error_code_zip(zip_file_get_error(file)) : zip_error_code_zip(zip_get_error(zip));
    if (file != NULL && zip_fclose(file) != 0)
        ok = false;
    if (!ok && code == ZIP_ER_MEMORY)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    return ok ? OK : error_set(err, ERR_INPUT, "%s: entry '%s' is damaged or cut off, expected its %zu bytes", path, suffix, *n);
}

/* The sizes or strides of a tensor. */
static bool read_sizes(size_t out[TENSOR_MAX_DIMS], const struct pickle_value *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list->items[i]->kind != PICKLE_NUMBER || list->items[i]->number < 0)
            return false;
        out[i] = (size_t)list->items[i]->number;
    }
    return true;
}

/* Copies a strided tensor densely. */
static void gather(unsigned char *out, const unsigned char *from, const struct tensor *t, const size_t *stride, size_t size)
{
    for (size_t i = 0; i < t->count; i++) {
        size_t at = 0, rest = i;
        for (size_t d = t->n_dims; d > 0; d--) {
            size_t extent = t->shape[d - 1] ? t->shape[d - 1] : 1;
            at += rest % extent * stride[d - 1];
            rest /= extent;
        }
        memcpy(out + i * size, from + at * size, size);
    }
}

/* The entry that was read last: many tensors may be views of one. */
struct storage {
    const char *key;
    unsigned char *bytes;
    size_t n;
};

static enum status read_storage(struct storage *last, struct torch_file *f, zip_t *zip, const char *key, const char *path,
                                struct error *err)
{
    char entry[160];
    if (last->key != NULL && strcmp(last->key, key) == 0)
        return OK;
    free(last->bytes);
    *last = (struct storage){0};
    snprintf(entry, sizeof entry, "/data/%.120s", key);
    enum status status = read_entry(&last->bytes, &last->n, f, zip, entry, path, err);
    last->key = status == OK ? key : NULL;
    f->unpacked += status == OK ? last->n : 0;
    return status;
}

/* One tensor: its description from the pickle, its numbers from the archive. */
static enum status read_tensor(struct torch_file *f, struct tensor *t, unsigned char **owned, struct storage *read, zip_t *zip,
                               const char *name, const struct pickle_value *v, const char *path, struct error *err)
{
    const struct pickle_value *storage = v->items[0], *sizes = v->items[2], *strides = v->items[3];
    size_t kind = N_STORAGES, stride[TENSOR_MAX_DIMS] = {0}, last = 0;
    bool ok = storage->kind == PICKLE_STORAGE && storage->items[1]->kind == PICKLE_GLOBAL && storage->items[2]->text != NULL &&
              v->items[1]->kind == PICKLE_NUMBER && v->items[1]->number >= 0 && sizes->kind == PICKLE_LIST &&
              strides->kind == PICKLE_LIST && sizes->n == strides->n && sizes->n <= TENSOR_MAX_DIMS;
    for (size_t i = 0; ok && i < N_STORAGES; i++)
        kind = strcmp(STORAGES[i].global, storage->items[1]->text) == 0 ? i : kind;
    if (!ok)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is described in a way that is not known, expected a plain one", path,
                         name);
    t->name = strdup(name);
    t->dtype = kind < N_STORAGES ? STORAGES[kind].dtype : DTYPE_OTHER;
    const char *type = strchr(storage->items[1]->text, ' ') + 1; /* LongStorage, .. */
    snprintf(t->dtype_name, sizeof t->dtype_name, "%.*s", (int)strcspn(type, "S"), type);
    t->n_dims = sizes->n;
    t->count = 1;
    ok = t->name && read_sizes(t->shape, sizes, t->n_dims) && read_sizes(stride, strides, t->n_dims);
    for (size_t d = 0; ok && d < t->n_dims; d++) {
        size_t reach = 0;
        ok = size_mul(t->count, t->shape[d], &t->count) && size_mul(t->shape[d] ? t->shape[d] - 1 : 0, stride[d], &reach) &&
             last + reach >= last;
        last += reach;
    }
    if (!ok)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' has wrong sizes, expected a product that fits", path, name);
    if (kind == N_STORAGES)
        return OK;
    enum status status = read_storage(read, f, zip, storage->items[2]->text, path, err);
    size_t size = STORAGES[kind].size, offset = (size_t)v->items[1]->number, n = read->n;
    if (status == OK && t->count > 0 && (n / size <= last || offset >= n / size - last || t->count > n / size))
        status = error_set(err, ERR_INPUT, "%s: tensor '%s' lies outside its storage of %zu bytes", path, name, n);
    /* tied weights share a storage; a great many copies of one are no model */
    f->unpacked += t->count * size;
    if (status == OK && !unpacked_within_bounds(f->size, f->unpacked))
        status = error_set(err, ERR_INPUT, "%s: the tensors take more than %zu bytes, expected at most %d times the file's size",
                           path, f->unpacked, UNPACKED_RATIO);
    if (status == OK && (*owned = malloc(t->count ? t->count * size : 1)) == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK)
        gather(*owned, read->bytes + offset * size, t, stride, size);
    t->data = *owned;
    return status;
}

static bool has_tensors(const struct pickle_value *dict)
{
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->n; i += 2)
        if (dict->items[i]->text != NULL && dict->items[i + 1]->kind == PICKLE_TENSOR)
            return true;
    return false;
}

/* The dictionary of tensors at or below `root`, wrapped as training scripts do, in each other too; NULL when there is none. A
 * pickle may hold itself, so that the depth has an end. */
static const struct pickle_value *find_state(const struct pickle_value *root, int depth)
{
    static const char *const wrappers[] = {"model_state_dict", "state_dict", "model", "module", "model_state", "app"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers && depth < 3; i++) {
        const struct pickle_value *inner = pickle_find(root, wrappers[i]);
        const struct pickle_value *state = inner != NULL ? find_state(inner, depth + 1) : NULL;
        if (state != NULL)
            return state;
    }
    return has_tensors(root) ? root : NULL;
}

static enum status read_state(struct torch_file *f, zip_t *zip, const struct pickle_value *state, const char *path,
                              struct error *err)
{
    enum status status = OK;
    struct storage storage = {0};
    if (state == NULL)
        return error_set(err, ERR_INPUT, "%s: holds no dictionary of tensors, expected a state dictionary", path);
    f->tensors = calloc(state->n / 2 + 1, sizeof *f->tensors);
    f->owned = calloc(state->n / 2 + 1, sizeof *f->owned);
    if (f->tensors == NULL || f->owned == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i + 1 < state->n && status == OK; i += 2)
        if (state->items[i]->text != NULL && state->items[i + 1]->kind == PICKLE_TENSOR) {
            f->n_tensors++;
            status = read_tensor(f, &f->tensors[f->n_tensors - 1], &f->owned[f->n_tensors - 1], &storage, zip,
                                 state->items[i]->text, state->items[i + 1], path, err);
        }
    free(storage.bytes);
    return status;
}

enum status torch_file_open(struct torch_file *f, const char *path, struct error *err)
{
    int code = 0;
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct pickle pickle = {0};
    *f = (struct torch_file){0};
    enum status status = file_check(path, &f->size, err);
    if (status != OK)
        return status;
    errno = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (zip == NULL && (code == ZIP_ER_MEMORY || errno == ENOMEM))
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (zip == NULL)
        return error_set(err, ERR_INPUT, "%s: cannot be opened as an archive of torch.save, expected a .bin, .pt or .pth file",
                         path);
    status = read_entry(&bytes, &n, f, zip, "/data.pkl", path, err);
    if (status == OK)
        status = pickle_read(&pickle, path, bytes, n, err);
    if (status == OK)
        status = read_state(f, zip, find_state(pickle.root, 0), path, err);
    free(bytes);
    pickle_free(&pickle);
    zip_discard(zip);
    if (status != OK)
        torch_file_close(f);
    return status;
}

void torch_file_close(struct torch_file *f)
{
    for (size_t i = 0; i < f->n_tensors; i++) {
        free(f->tensors[i].name);
        free(f->owned[i]);
    }
    free(f->tensors);
    free(f->owned);
    *f = (struct torch_file){0};
}

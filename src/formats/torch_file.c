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
    *bytes = malloc(*n ? *n : 1);
    zip_file_t *file = *bytes ? zip_fopen_index(zip, (zip_uint64_t)found, 0) : NULL;
    bool ok = file != NULL && zip_fread(file, *bytes, *n) == (zip_int64_t)*n;
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

/* One tensor: its description from the pickle, its numbers from the archive. */
static enum status read_tensor(struct torch_file *f, struct tensor *t, unsigned char **owned, zip_t *zip, const char *name,
                               const struct pickle_value *v, const char *path, struct error *err)
{
    const struct pickle_value *storage = v->items[0], *sizes = v->items[2], *strides = v->items[3];
    size_t kind = N_STORAGES, stride[TENSOR_MAX_DIMS] = {0}, n = 0, last = 0;
    bool ok = storage->kind == PICKLE_STORAGE && storage->items[1]->kind == PICKLE_GLOBAL && storage->items[2]->text != NULL &&
              v->items[1]->kind == PICKLE_NUMBER && v->items[1]->number >= 0 && sizes->kind == PICKLE_LIST &&
              strides->kind == PICKLE_LIST && sizes->n == strides->n && sizes->n <= TENSOR_MAX_DIMS;
    for (size_t i = 0; ok && i < N_STORAGES; i++)
        kind = strcmp(STORAGES[i].global, storage->items[1]->text) == 0 ? i : kind;
    if (!ok)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is described in a way that is not known, expected a plain one", path,
                         name);
    if (kind == N_STORAGES)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is of %s, expected FloatStorage, HalfStorage or BFloat16Storage", path,
                         name, storage->items[1]->text);
    t->name = strdup(name);
    t->dtype = STORAGES[kind].dtype;
    t->n_dims = sizes->n;
    t->count = 1;
    ok = t->name && read_sizes(t->shape, sizes, t->n_dims) && read_sizes(stride, strides, t->n_dims);
    for (size_t d = 0; ok && d < t->n_dims; d++) {
        size_t reach = 0;
        ok = size_mul(t->count, t->shape[d], &t->count) && size_mul(t->shape[d] ? t->shape[d] - 1 : 0, stride[d], &reach) &&
             last + reach >= last;
        last += reach;
    }
    char entry[160];
    unsigned char *bytes = NULL;
    snprintf(entry, sizeof entry, "/data/%.120s", storage->items[2]->text);
    if (!ok)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' has wrong sizes, expected a product that fits", path, name);
    enum status status = read_entry(&bytes, &n, f, zip, entry, path, err);
    size_t size = STORAGES[kind].size, offset = (size_t)v->items[1]->number;
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
        gather(*owned, bytes + offset * size, t, stride, size);
    t->data = *owned;
    free(bytes);
    return status;
}

/* The dictionary of tensors: the root, or what training scripts wrap. */
static const struct pickle_value *find_state(const struct pickle_value *root)
{
    static const char *const wrappers[] = {"model", "state_dict", "module"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        const struct pickle_value *inner = pickle_find(root, wrappers[i]);
        if (inner != NULL && inner->kind == PICKLE_DICT)
            return inner;
    }
    return root;
}

static enum status read_state(struct torch_file *f, zip_t *zip, const struct pickle_value *state, const char *path,
                              struct error *err)
{
    enum status status = OK;
    if (state->kind != PICKLE_DICT)
        return error_set(err, ERR_INPUT, "%s: holds no dictionary, expected a state dictionary", path);
    f->tensors = calloc(state->n / 2 + 1, sizeof *f->tensors);
    f->owned = calloc(state->n / 2 + 1, sizeof *f->owned);
    if (f->tensors == NULL || f->owned == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i + 1 < state->n && status == OK; i += 2)
        if (state->items[i]->text != NULL && state->items[i + 1]->kind == PICKLE_TENSOR) {
            f->n_tensors++;
            status = read_tensor(f, &f->tensors[f->n_tensors - 1], &f->owned[f->n_tensors - 1], zip, state->items[i]->text,
                                 state->items[i + 1], path, err);
        }
    if (status == OK && f->n_tensors == 0)
        status = error_set(err, ERR_INPUT, "%s: holds no tensors, expected a state dictionary", path);
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
        status = read_state(f, zip, find_state(pickle.root), path, err);
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

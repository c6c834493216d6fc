/* differential.c - see differential.h. */
#include "model/differential.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the numbers of a new tensor come from. */
struct source {
    const struct weight_row *from; /* NULL: zeros */
    struct matrix matrix;
    size_t columns;
    size_t twice; /* rows of a head, each of which stands twice; 0: rows as they are */
    float factor;
    float *row; /* [columns] */
};

static void fill(void *context, float *out, size_t first, size_t n)
{
    struct source *s = context;
    if (s->from == NULL) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    for (size_t done = 0, take; done < n; done += take) {
        size_t row = (first + done) / s->columns, column = (first + done) % s->columns;
        take = s->columns - column < n - done ? s->columns - column : n - done;
        if (s->twice > 0)
            row = row / (2 * s->twice) * s->twice + row % s->twice;
        matrix_widen(s->row, &s->matrix, row * s->columns, s->columns);
        for (size_t i = 0; i < take; i++)
            out[done + i] = s->factor * s->row[column + i];
    }
}

static enum status check(const struct model *m, struct error *err)
{
    const struct config *c = &m->config;
    bool turned = true, windowed = false;
    for (size_t l = 0; l < c->n_layers; l++) {
        turned = turned && !config_marked(c->unturned, l);
        windowed = windowed || config_window(c, l) > 0;
    }
    const char *what = c->n_maps != 1           ? "has two maps of attention already"
                       : windowed               ? "has a sliding window"
                       : !turned                ? "has layers without rotation"
                       : c->qk_norm             ? "has norms of queries and keys"
                       : config_has_polynorm(c) ? "has another MLP"
                       : m->rope_factors        ? "turns by factors of its file"
                                                : NULL;
    return what == NULL ? OK
                        : error_set(err, ERR_INPUT, "%s: %s, which the second version of the Diff Transformer has no place for",
                                    m->folder, what);
}

static struct config config_of(const struct config *from)
{
    struct config c = *from;
    c.family = &FAMILY_DIFF_V2;
    c.n_q_heads = 2 * c.n_heads;
    c.n_maps = 2;
    c.lambda = LAMBDA_PROJECTION;
    c.o_bias = c.qkv_bias; /* one key says both: a bias that was not there is zero */
    return c;
}

static const struct weight_row *find(const struct weights *w, const char *name)
{
    for (size_t i = 0; i < w->n_rows; i++)
        if (strcmp(w->rows[i].name, name) == 0)
            return &w->rows[i];
    return NULL;
}

static struct source source_of(const struct weight_row *row, const struct model *from)
{
    bool query = strstr(row->name, ".q_proj.") != NULL, output = strstr(row->name, ".o_proj.weight") != NULL;
    struct source s = {.from = find(&from->weights, row->name),
                       .columns = row->n_dims == 2 ? row->shape[1] : 1,
                       .twice = query ? from->config.head_dim : 0,
                       .factor = output ? 2.0f : 1.0f};
    if (s.from == NULL)
        return s;
    s.matrix = s.from->matrix ? *s.from->matrix : matrix_of(*s.from->vector);
    s.row = mem_array(s.columns, sizeof *s.row);
    return s;
}

/* BF16 when it holds every number; an error where doubling leaves the range of a float. */
static enum status narrowest(enum dtype *dtype, struct source *s, const struct weight_row *row, const char *folder,
                             struct error *err)
{
    enum { CHUNK = 4096 };
    float numbers[CHUNK];
    for (size_t first = 0; first < row->count; first += CHUNK) {
        size_t n = row->count - first < CHUNK ? row->count - first : CHUNK;
        fill(s, numbers, first, n);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &numbers[i], sizeof bits);
            *dtype = bits & 0xffff ? DTYPE_F32 : *dtype;
            if (!isfinite(numbers[i]))
                return error_set(err, ERR_INPUT, "%s: tensor '%s' holds %g, which cannot be doubled", folder, row->name,
                                 (double)numbers[i]);
        }
    }
    return OK;
}

static enum status write_weights(const char *path, const struct config *config, const struct model *from, struct error *err)
{
    struct weights w;
    enum status status = weights_list(&w, config, err);
    enum dtype dtype = DTYPE_BF16;
    if (status != OK)
        return status;
    struct source *sources = calloc(w.n_rows, sizeof *sources);
    struct tensor_out *out = calloc(w.n_rows, sizeof *out);
    for (size_t i = 0; i < w.n_rows && status == OK; i++) {
        const struct weight_row *row = &w.rows[i];
        sources[i] = source_of(row, from);
        out[i] = (struct tensor_out){.name = row->name,
                                     .n_dims = row->n_dims,
                                     .shape = {row->shape[0], row->shape[1]},
                                     .fill = fill,
                                     .context = &sources[i]};
        status = narrowest(&dtype, &sources[i], row, from->folder, err);
    }
    for (size_t i = 0; i < w.n_rows; i++)
        out[i].dtype = dtype;
    if (status == OK)
        status = safetensors_write(path, out, w.n_rows, err);
    for (size_t i = 0; i < w.n_rows; i++)
        free(sources[i].row);
    free(sources);
    free(out);
    weights_free(&w);
    return status;
}

enum status differential_v2(const struct model *from, const char *folder, struct error *err)
{
    char *path = path_join(folder, "config.json"), *weights = path_join(folder, "model.safetensors");
    struct config config = config_of(&from->config);
    cJSON *json = config_to_json(&config);
    enum status status = check(from, err);
    if (status == OK)
        status = file_make_directory(folder, err);
    if (status == OK)
        status = write_weights(weights, &config, from, err);
    if (status == OK)
        status = json_write(path, json, err);
    cJSON_Delete(json);
    free(path);
    free(weights);
    return status;
}

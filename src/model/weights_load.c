/* weights_load.c - weights from the files of a model; see weights.h. */
#include "model/weights.h"
#include "model/weights_check.h"

#include <string.h>

/* A vector is copied as floats, a matrix stays where it lies. */
static enum status load_row(const struct weight_row *row, const struct shards *s, struct error *err)
{
    const char *path = NULL;
    const struct tensor *t = shards_find(s, row->name, &path);
    struct matrix m = {.data = t->data, .dtype = t->dtype};
    file_map_bring_in(t->data, dtype_bytes(t->dtype, t->count));
    size_t bad = matrix_find_not_finite(&m, t->count);
    if (bad < t->count)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' holds a NaN or infinity at element %zu, expected finite weights", path,
                         row->name, bad);
    if (t->dtype == DTYPE_F32 && (uintptr_t)t->data % sizeof(float) == 0)
        m.f32 = (float *)(uintptr_t)t->data;
    if (row->vector != NULL)
        matrix_widen(*row->vector, &m, 0, t->count);
    else
        *row->matrix = m;
    return OK;
}

/* Every row, spread over the processors: each number is looked at. The first row's error is the one that is told. */
static enum status load_rows(struct weights *w, struct error *err)
{
    size_t first = w->n_rows;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < w->n_rows; i++)
        if (load_row(&w->rows[i], &w->files, NULL) != OK)
#pragma omp critical
            first = i < first ? i : first;
    return first < w->n_rows ? load_row(&w->rows[first], &w->files, err) : OK;
}

enum status weights_load(struct weights *w, const struct config *config, struct shards *files, const char *folder,
                         struct text *notes, struct error *err)
{
    enum status status = weights_list(w, config, err);
    w->files = *files;
    *files = (struct shards){0};
    if (status == OK)
        status = weights_check(w, config, &w->files, folder, notes, err);
    if (status == OK)
        status = weights_allocate(w, config, false, err);
    if (status == OK)
        status = load_rows(w, err);
    for (size_t i = 0; i < w->n_rows && status == OK; i++)
        if (w->rows[i].matrix != NULL)
            w->n_mapped += dtype_bytes(w->rows[i].matrix->dtype, w->rows[i].count);
    if (status == OK && config->tied)
        w->lm_head = w->embedding;
    if (status != OK)
        weights_free(w);
    return status;
}

/* weights_check.c - see weights_check.h. */
#include "model/weights_check.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char HEAD[] = "lm_head.weight", EMBEDDING[] = "model.embed_tokens.weight";

static enum status misshapen(const struct tensor *t, const struct weight_row *row, const char *path, struct error *err)
{
    struct text got = {0}, want = {0};
    text_puts(&got, "");
    for (size_t i = 0; i < t->n_dims; i++)
        text_printf(&got, "%s%zu", i ? ", " : "", t->shape[i]);
    for (size_t i = 0; i < row->n_dims; i++)
        text_printf(&want, "%s%zu", i ? ", " : "", row->shape[i]);
    error_write(err, ERR_INPUT, "%s: tensor '%s' has shape [%s], expected [%s] from config.json", path, row->name, got.data,
                want.data);
    text_free(&got);
    text_free(&want);
    return ERR_INPUT;
}

static enum status check_row(const struct weight_row *row, const struct shards *s, const char *folder, struct error *err)
{
    const char *path = folder;
    const struct tensor *t = shards_find(s, row->name, &path);
    if (t == NULL)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is missing, expected it in the weights", folder, row->name);
    if (t->n_dims != row->n_dims || t->shape[0] != row->shape[0] || (row->n_dims == 2 && t->shape[1] != row->shape[1]))
        return misshapen(t, row, path, err);
    if (t->dtype >= DTYPE_WEIGHTS || (dtype_blocked(t->dtype) && row->matrix == NULL))
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is %s, expected F32, F16 or BF16", path, row->name, t->dtype_name);
    return OK;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), e = strlen(ending);
    return n >= e && strcmp(name + n - e, ending) == 0 && (n == e || name[n - e - 1] == '.');
}

bool weights_is_buffer(const char *name, size_t n_dims)
{
    static const char *const endings[] = {
        "inv_freq", "original_inv_freq", "freqs", "freqs_cis",      "freqs_cos",   "freqs_sin",   "cos_cached",   "sin_cached",
        "mask",     "attn_mask",         "tril",  "attention_mask", "causal_mask", "masked_bias", "position_ids", "_extra_state"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i]))
            return true;
    return n_dims >= 3 && (ends_with(name, "attn.bias") || ends_with(name, "self_attn.bias") ||
                           ends_with(name, "attention.bias")); /* a causal mask */
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of all tensors in order; the caller frees the array. */
static const char **sorted_names(const struct shards *s, size_t *n)
{
    *n = 0;
    for (size_t f = 0; f < s->n; f++)
        *n += s->files[f].n_tensors;
    const char **names = calloc(*n + 1, sizeof *names);
    size_t at = 0;
    for (size_t f = 0; f < s->n; f++)
        for (size_t i = 0; i < s->files[f].n_tensors; i++)
            names[at++] = s->files[f].tensors[i].name;
    qsort(names, *n, sizeof *names, by_text);
    return names;
}

static enum status check_once(const struct shards *s, const char *folder, struct error *err)
{
    size_t n;
    const char **names = sorted_names(s, &n);
    enum status status = OK;
    for (size_t i = 1; i < n && status == OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = error_set(err, ERR_INPUT, "%s: tensor '%s' is in two files, expected each name once", folder, names[i]);
    free(names);
    return status;
}

/* The tensors that no row names. */
static enum status check_extra(const struct weights *w, const struct config *c, const struct shards *s, const char *folder,
                               struct text *notes, struct error *err)
{
    const char **known = calloc(w->n_rows + 2, sizeof *known), *first = NULL;
    size_t n = 0, left_out = 0;
    enum status status = OK;
    for (; n < w->n_rows; n++)
        known[n] = w->rows[n].name;
    known[n++] = ROPE_FACTORS;
    if (c->tied)
        known[n++] = HEAD;
    qsort(known, n, sizeof *known, by_text);
    for (size_t f = 0; f < s->n && status == OK; f++)
        for (size_t i = 0; i < s->files[f].n_tensors && status == OK; i++) {
            const struct tensor *t = &s->files[f].tensors[i];
            if (bsearch(&t->name, known, n, sizeof *known, by_text) != NULL)
                continue;
            if (!weights_is_buffer(t->name, t->n_dims))
                status = error_set(err, ERR_INPUT,
                                   "%s: tensor '%s' is not part of this model, expected only the tensors config.json implies",
                                   folder, t->name);
            first = first ? first : t->name;
            left_out++;
        }
    if (status == OK && left_out > 0)
        text_printf(notes, "%s: left out, as no weights of this model: tensor '%s'%s\n", folder, first,
                    left_out > 1 ? " and others like it" : "");
    free(known);
    return status;
}

enum status weights_check(const struct weights *w, const struct config *config, const struct shards *files, const char *folder,
                          struct text *notes, struct error *err)
{
    enum status status = check_once(files, folder, err);
    for (size_t i = 0; i < w->n_rows && status == OK; i++)
        status = check_row(&w->rows[i], files, folder, err);
    return status == OK ? check_extra(w, config, files, folder, notes, err) : status;
}

/* Are two tensors of one shape the same numbers? */
static bool same_numbers(const struct tensor *a, const struct tensor *b)
{
    enum { CHUNK = 4096 };
    float x[CHUNK], y[CHUNK];
    struct matrix p = {.data = a->data, .dtype = a->dtype}, q = {.data = b->data, .dtype = b->dtype};
    if (a->dtype == b->dtype)
        return memcmp(a->data, b->data, dtype_bytes(a->dtype, a->count)) == 0;
    for (size_t i = 0, n; i < a->count; i += n) {
        n = a->count - i < CHUNK ? a->count - i : CHUNK;
        matrix_widen(x, &p, i, n);
        matrix_widen(y, &q, i, n);
        if (memcmp(x, y, n * sizeof *x) != 0)
            return false;
    }
    return true;
}

static bool readable(const struct tensor *t)
{
    return t != NULL && t->dtype < DTYPE_WEIGHTS;
}

static void settle_head(struct config *config, const struct shards *files, const char *folder, struct text *notes)
{
    const char *path;
    const struct tensor *head = config->tied ? shards_find(files, HEAD, &path) : NULL;
    const struct tensor *embedding = shards_find(files, EMBEDDING, &path);
    if (!readable(head) || !readable(embedding) || (head->count == embedding->count && same_numbers(head, embedding)))
        return;
    config->tied = false;
    text_printf(notes, "%s: tie_word_embeddings is true, but %s differs from the embedding: the head of the file is used\n",
                folder, HEAD);
}

/* The first release of the official code had a norm of each head without a scale. */
static void settle_head_norm(struct config *config, const struct shards *files, const char *folder, struct text *notes)
{
    for (size_t f = 0; f < files->n && config->head_norm_scaled; f++)
        for (size_t i = 0; i < files->files[f].n_tensors; i++)
            if (ends_with(files->files[f].tensors[i].name, "subln.weight"))
                return;
    if (config->head_norm_scaled)
        text_printf(notes, "%s: no layer has self_attn.subln.weight, as in the first release: heads are normed without a scale\n",
                    folder);
    config->head_norm_scaled = false;
}

void weights_settle(struct config *config, const struct shards *files, const char *folder, struct text *notes)
{
    settle_head(config, files, folder, notes);
    settle_head_norm(config, files, folder, notes);
}

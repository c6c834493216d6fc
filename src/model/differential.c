/* differential.c - see differential.h. */
#include "model/differential.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a block of head_dim rows or columns of a new matrix comes from, of the n that the Transformer has. */
#define NONE SIZE_MAX
static size_t same(size_t block, size_t n)
{
    (void)n;
    return block;
}
static size_t each_twice(size_t block, size_t n)
{
    (void)n;
    return block / 2;
}
static size_t all_twice(size_t block, size_t n)
{
    return block % n;
}
static size_t the_even(size_t block, size_t n)
{
    (void)n;
    return block % 2 == 0 ? block / 2 : NONE;
}
static size_t the_first(size_t block, size_t n)
{
    return block < n ? block : NONE;
}

/* A way: the family, how many heads it has for one of the Transformer's, and what their blocks hold. */
struct differential {
    const char *name;
    const struct family *family;
    bool exact, draws; /* does what has no origin begin with random numbers, or with zeros? */
    float output;      /* what the output projection is multiplied by */
    size_t (*q)(size_t, size_t), (*k)(size_t, size_t), (*v)(size_t, size_t), (*o)(size_t, size_t);
    void (*configure)(struct config *c);
};

static void configure_v2(struct config *c)
{
    c->n_q_heads = 2 * c->n_heads;
    c->n_maps = 2;
    c->lambda = LAMBDA_PROJECTION;
}

static void configure_v1(struct config *c)
{
    c->n_q_heads = 2 * c->n_heads;
    c->n_k_heads = 2 * c->n_v_heads;
    c->v_dim = 2 * c->head_dim;
    c->n_maps = 2;
    c->lambda = LAMBDA_VECTORS;
    c->head_norm = c->head_norm_scaled = true;
    c->head_norm_eps = c->norm_eps < 1e-5f ? c->norm_eps : 1e-5f;
}

static void configure_diffllama(struct config *c)
{
    c->n_heads *= 2;
    c->n_q_heads = c->n_heads;
    c->n_k_heads *= 2;
    c->n_v_heads *= 2;
    c->n_maps = c->n_parts = 2;
    c->lambda = LAMBDA_VECTORS;
    c->head_norm = true;
    c->head_norm_eps = c->norm_eps;
}

static void configure_dex(struct config *c)
{
    c->dex = true;
}

static const struct differential WAYS[] = {
    {"v2", &FAMILY_DIFF_V2, true, false, 2, each_twice, same, same, same, configure_v2},
    {"v1", &FAMILY_DIFF_TRANSFORMER, false, true, 1, each_twice, each_twice, the_even, the_even, configure_v1},
    {"diffllama", &FAMILY_DIFFLLAMA, false, true, 1, all_twice, all_twice, the_first, the_even, configure_diffllama},
    {"dex", &FAMILY_DEX, true, true, 1, same, same, same, same, configure_dex},
};

const struct differential *differential_find(const char *name)
{
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++)
        if (strcmp(WAYS[i].name, name) == 0)
            return &WAYS[i];
    return NULL;
}

bool differential_exact(const struct differential *way)
{
    return way->exact;
}

/* Where the numbers of a new tensor come from. */
struct source {
    const struct differential_choice *choice;
    const struct model *model;
    const struct weight_row *to, *from; /* from NULL: nowhere */
    const struct weights *weights;      /* of the new model, and its config: what is drawn goes by them */
    const struct config *config;
    struct matrix matrix;
    size_t columns, from_columns;
    size_t (*rows)(size_t, size_t), (*blocks)(size_t, size_t); /* of rows, and of columns; NULL: as they are */
    size_t n_rows, layer;                                      /* blocks of rows that the Transformer has */
    float *row, *from_row;                                     /* [columns], [from_columns] */
};

static float bf16_rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A row of a tensor as it would begin a training. */
static void draw_row(const struct source *s, size_t row)
{
    struct rng rng = rng_stream(0, s->to->name, row);
    weights_draw(s->row, s->columns, &rng, s->to, s->weights, s->config);
    for (size_t i = 0; i < s->columns; i++)
        s->row[i] = bf16_rounded(s->row[i]);
}

/* Is the head whose map this row is of extended? */
static bool is_chosen(const struct source *s, size_t row)
{
    bool chosen = s->choice->n_heads_chosen == 0 || !s->config->dex || s->to->n_dims != 2;
    for (size_t i = 0; i < s->choice->n_heads_chosen; i++)
        chosen = chosen || s->choice->heads[i] == row / s->columns;
    return chosen;
}

/* What a head's columns of the output projection are multiplied by: the norm makes its size the root of 2, as half of its
 * channels are zero, times 1 - lambda_init. */
static float factor(const struct source *s, size_t head)
{
    if (s->choice->sizes == NULL)
        return s->choice->way->output;
    return (float)((double)s->choice->sizes[s->layer * s->model->plan.n_heads + head] /
                   (sqrt(2) * (1 - config_lambda_init(s->config, s->layer))));
}

/* One row of the output projection. */
static void make_output_row(const struct source *s)
{
    size_t d = s->model->config.head_dim;
    for (size_t b = 0; b < s->columns / d; b++) {
        size_t head = s->blocks(b, s->from_columns / d);
        for (size_t i = 0; i < d && head != NONE; i++) {
            float x = factor(s, head) * s->from_row[head * d + i];
            s->row[b * d + i] = s->choice->way->exact ? x : bf16_rounded(x);
        }
    }
}

static void make_row(const struct source *s, size_t row)
{
    size_t d = s->model->config.head_dim, from = row;
    if (s->rows != NULL) {
        size_t block = s->rows(row / d, s->n_rows);
        from = block == NONE ? NONE : block * d + row % d;
    }
    if (s->from == NULL ? s->choice->way->draws && is_chosen(s, row) : s->blocks == the_even)
        draw_row(s, row);
    else if (s->from == NULL || from == NONE)
        memset(s->row, 0, s->columns * sizeof *s->row);
    if (s->from == NULL || from == NONE)
        return;
    matrix_widen(s->blocks ? s->from_row : s->row, &s->matrix, from * s->from_columns, s->from_columns);
    if (s->blocks != NULL)
        make_output_row(s);
}

static void fill(void *context, float *out, size_t first, size_t n)
{
    struct source *s = context;
    for (size_t done = 0, take; done < n; done += take) {
        size_t row = (first + done) / s->columns, column = (first + done) % s->columns;
        take = s->columns - column < n - done ? s->columns - column : n - done;
        make_row(s, row);
        memcpy(out + done, s->row + column, take * sizeof *out);
    }
}

enum status differential_check(const struct model *m, const struct differential *way, struct error *err)
{
    const struct config *c = &m->config;
    bool turned = true, windowed = false, llama = way->family == &FAMILY_DIFFLLAMA || way->family == &FAMILY_DEX;
    for (size_t l = 0; l < c->n_layers; l++) {
        turned = turned && !config_marked(c->unturned, l);
        windowed = windowed || config_window(c, l) > 0;
    }
    const char *what = c->n_maps != 1                                    ? "has two maps of attention already"
                       : c->dex                                          ? "is a differential extension already"
                       : windowed                                        ? "has a sliding window"
                       : !turned                                         ? "has layers without rotation"
                       : c->qk_norm                                      ? "has norms of queries and keys"
                       : config_has_polynorm(c)                          ? "has another MLP"
                       : m->rope_factors                                 ? "turns by factors of its file"
                       : llama && c->rope.interleaved                    ? "turns neighbouring channels together"
                       : way->family == &FAMILY_DIFFLLAMA && c->mlp_bias ? "has biases in its MLP"
                       : way->family == &FAMILY_DIFFLLAMA && c->qkv_bias != c->o_bias
                           ? "has biases of queries, keys and values alone"
                           : NULL;
    return what == NULL ? OK
                        : error_set(err, ERR_INPUT, "%s: %s, which the Diff Transformer '%s' (%s) has no place for", m->folder,
                                    what, way->name, way->family->model_type);
}

static struct config config_of(const struct config *from, const struct differential *way)
{
    struct config c = *from;
    c.family = way->family;
    way->configure(&c);
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

static bool is_part(const struct weight_row *row, const char *part)
{
    return strstr(row->name, part) != NULL;
}

static struct source source_of(const struct weight_row *row, const struct weights *weights, const struct config *config,
                               const struct model *from, const struct differential_choice *choice)
{
    const struct differential *way = choice->way;
    const struct config *c = &from->config;
    const struct {
        const char *part;
        size_t (*rows)(size_t, size_t);
        size_t n;
    } parts[] = {{".q_proj.", way->q, c->n_q_heads}, {".k_proj.", way->k, c->n_k_heads}, {".v_proj.", way->v, c->n_v_heads}};
    struct source s = {.choice = choice,
                       .model = from,
                       .to = row,
                       .from = find(&from->weights, row->name),
                       .weights = weights,
                       .config = config};
    s.columns = row->n_dims == 2 ? row->shape[1] : 1;
    s.row = mem_array(s.columns, sizeof *s.row);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (is_part(row, parts[i].part)) {
            s.rows = parts[i].rows;
            s.n_rows = parts[i].n;
        }
    if (is_part(row, "model.layers."))
        s.layer = strtoul(row->name + strlen("model.layers."), NULL, 10);
    if (s.from == NULL)
        return s;
    s.blocks = is_part(row, ".o_proj.weight") ? way->o : NULL;
    s.from_columns = s.from->n_dims == 2 ? s.from->shape[1] : 1;
    s.from_row = mem_array(s.from_columns, sizeof *s.from_row);
    s.matrix = s.from->matrix ? *s.from->matrix : matrix_of(*s.from->vector);
    return s;
}

/* BF16 when it holds every number; an error where doubling leaves the range of a float. */
static enum status narrowest(enum dtype *dtype, struct source *s, const struct weight_row *row, const char *folder,
                             struct error *err)
{
    enum { CHUNK = 4096 };
    float numbers[CHUNK];
    size_t chunk = s->columns < CHUNK ? CHUNK / s->columns * s->columns : CHUNK; /* whole rows, each of which is made once */
    for (size_t first = 0; first < row->count; first += chunk) {
        size_t n = row->count - first < chunk ? row->count - first : chunk;
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

static enum status write_weights(const char *path, const struct config *config, const struct model *from,
                                 const struct differential_choice *choice, struct error *err)
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
        sources[i] = source_of(row, &w, config, from, choice);
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
    for (size_t i = 0; i < w.n_rows; i++) {
        free(sources[i].row);
        free(sources[i].from_row);
    }
    free(sources);
    free(out);
    weights_free(&w);
    return status;
}

enum status differential_write(const struct model *from, const struct differential_choice *choice, const char *folder,
                               struct error *err)
{
    char *path = path_join(folder, "config.json"), *weights = path_join(folder, "model.safetensors");
    struct config config = config_of(&from->config, choice->way);
    cJSON *json = config_to_json(&config);
    enum status status = differential_check(from, choice->way, err);
    if (status == OK)
        status = file_make_directory(folder, err);
    if (status == OK)
        status = write_weights(weights, &config, from, choice, err);
    if (status == OK)
        status = json_write(path, json, err);
    cJSON_Delete(json);
    free(path);
    free(weights);
    return status;
}

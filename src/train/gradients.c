/* gradients.c - see gradients.h. */
#include "train/gradients.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/program.h"
#include "report/report.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor is in the first group whose mark its name holds. */
static const struct {
    const char *mark, *name;
} GROUPS[] = {{"lambda", "lambda"}, {"norm", "norms"},    {"subln", "norms"}, {"q_proj", "query"},    {"k_proj", "key"},
              {"v_proj", "value"},  {"o_proj", "output"}, {"mlp.", "mlp"},    {"embed", "embedding"}, {"lm_head", "head"}};
enum { N_GROUPS = sizeof GROUPS / sizeof *GROUPS };

#define EVERY_LAYER SIZE_MAX

/* Where gradients are added up: a group in a layer, a group in all layers, everything. */
struct place {
    const char *group; /* NULL: everything */
    size_t layer;      /* EVERY_LAYER: all */
    double *norm;      /* [batches] */
};

/* What one model showed. */
struct flow {
    const char *name;
    struct place *places;
    size_t n_places, capacity;
    double *loss; /* [batches] */
};

static void flow_free(struct flow *f)
{
    for (size_t i = 0; i < f->n_places; i++)
        free(f->places[i].norm);
    free(f->places);
    free(f->loss);
}

static struct place *find_place(const struct flow *f, const char *group, size_t layer)
{
    for (size_t i = 0; i < f->n_places; i++) {
        const char *its = f->places[i].group;
        if (f->places[i].layer == layer && (group == NULL || its == NULL ? group == its : strcmp(group, its) == 0))
            return &f->places[i];
    }
    return NULL;
}

static void add_square(struct flow *f, const char *group, size_t layer, size_t batch, size_t batches, double square)
{
    struct place *p = find_place(f, group, layer);
    if (p == NULL) {
        mem_grow((void **)&f->places, &f->capacity, f->n_places + 1, sizeof *f->places);
        p = &f->places[f->n_places++];
        *p = (struct place){group, layer, calloc(batches, sizeof *p->norm)};
    }
    p->norm[batch] += square;
}

/* Adds a batch's gradients to the places of their tensors; norms are squares until all are in. */
static void add_batch(struct flow *f, const struct weights *w, size_t batch, size_t batches)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        const float *x = weights_floats(&w->rows[i]);
        const char *group = "other";
        size_t layer = EVERY_LAYER, k = 0;
        double square = 0;
        for (size_t j = 0; j < w->rows[i].count; j++)
            square += (double)x[j] * (double)x[j];
        while (k < N_GROUPS && strstr(w->rows[i].name, GROUPS[k].mark) == NULL)
            k++;
        group = k < N_GROUPS ? GROUPS[k].name : group;
        if (sscanf(w->rows[i].name, "model.layers.%zu.", &layer) == 1)
            add_square(f, group, layer, batch, batches, square);
        add_square(f, group, EVERY_LAYER, batch, batches, square);
        add_square(f, NULL, EVERY_LAYER, batch, batches, square);
    }
    for (size_t i = 0; i < f->n_places; i++)
        f->places[i].norm[batch] = sqrt(f->places[i].norm[batch]);
}

static enum status run_batch(struct run *r, struct flow *f, size_t batch, size_t batches, struct error *err)
{
    const struct stage *stage = recipe_stage(r->recipe, batch);
    double tokens = (double)(stage->seq_len * stage->sequences);
    size_t first = recipe_first_sequence(r->recipe, batch);
    gradient_clear(&r->gradient);
    for (size_t i = 0; i < stage->sequences; i++) {
        enum status status = stop_signal ? error_set(err, ERR_STOPPED, "gradients: stopped, nothing was written")
                                         : pack_sequence(&r->sequence, r->recipe, stage, PACK_TRAINING, first + i, err);
        if (status != OK)
            return status;
        f->loss[batch] += run_sequence(r, (float)(1 / tokens)) / tokens;
    }
    if (!isfinite(f->loss[batch]) || !isfinite(gradient_norm(&r->gradient)))
        return error_set(err, ERR_INPUT, "%s: gradient of batch %zu: a NaN or infinity, expected finite numbers", f->name, batch);
    add_batch(f, &r->gradient.sum, batch, batches);
    return OK;
}

/* The model as it begins, or as its training has left it. */
static enum status open_model(struct model *m, const struct recipe *recipe, const cJSON *entry, bool trained, struct error *err)
{
    struct config config;
    char *folder = trained                            ? path_join(recipe->output, entry->string)
                   : recipe_is_started(recipe, entry) ? recipe_start_folder(recipe, entry)
                                                      : NULL;
    enum status status = recipe_model(recipe, entry, &config, err);
    if (status == OK && folder == NULL)
        status = model_create(m, &config, recipe->seed, err);
    else if (status == OK && (status = model_load(m, folder, err)) == OK)
        status = model_unpack(m, err);
    if (status == OK && m->config.vocab_size != config.vocab_size)
        status = error_set(err, ERR_INPUT, "%s: has %zu tokens, expected the %zu of the recipe's tokenizer", folder,
                           m->config.vocab_size, config.vocab_size);
    free(folder);
    return status;
}

static enum status run_model(struct flow *f, struct report *report, const struct recipe *recipe, const cJSON *entry,
                             const struct gradients_options *o, struct error *err)
{
    struct run r = {.recipe = recipe, .entry = entry};
    f->name = entry->string;
    f->loss = calloc(o->batches, sizeof *f->loss);
    enum status status = open_model(&r.model, recipe, entry, o->trained, err);
    if (status == OK)
        status = gradient_init(&r.gradient, &r.model, recipe_longest(recipe), false, o->threads, err);
    for (size_t b = 0; b < o->batches && status == OK; b++)
        status = run_batch(&r, f, b, o->batches, err);
    if (status == OK) {
        cJSON *model = cJSON_CreateObject();
        cJSON_AddStringToObject(model, "name", f->name);
        json_add_number(model, "n_params", (double)r.model.weights.n_params);
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(report->root, "models"), model);
    }
    packed_free(&r.sequence);
    gradient_free(&r.gradient);
    model_free(&r.model);
    return status;
}

/* The mean over batches, and its difference from the first model's. */
static void add_rows(struct report *r, const char *name, const struct flow *f, const struct flow *base, const cJSON *where,
                     const double *x, const double *y, size_t n)
{
    report_add_value(r, name, f->name, where, mean_t(x, n), n, NULL);
    if (y != NULL && f != base)
        report_add_difference(r, name, f->name, base->name, where, paired_difference(x, y, n, 1, DIFFERENCE_OF_MEANS), n);
}

static void add_flow(struct report *r, const struct flow *f, const struct flow *base, size_t n)
{
    for (size_t i = 0; i < f->n_places; i++) {
        const struct place *p = &f->places[i], *other = find_place(base, p->group, p->layer);
        cJSON *where = cJSON_CreateObject();
        if (p->group != NULL)
            cJSON_AddStringToObject(where, "group", p->group);
        if (p->layer != EVERY_LAYER)
            json_add_number(where, "layer", (double)p->layer);
        add_rows(r, "gradient_norm", f, base, where, p->norm, other ? other->norm : NULL, n);
        cJSON_Delete(where);
    }
    cJSON *everywhere = cJSON_CreateObject();
    add_rows(r, "loss", f, base, everywhere, f->loss, base->loss, n);
    cJSON_Delete(everywhere);
}

static enum status write_flows(const struct recipe *recipe, const struct gradients_options *o, const char *path,
                               struct error *err)
{
    size_t n = (size_t)cJSON_GetArraySize(recipe->models), k = 0;
    struct flow *flows = calloc(n + 1, sizeof *flows);
    struct report r;
    char digest[65], *text = NULL;
    report_begin(&r, "gradients", recipe->seed);
    cJSON *options = cJSON_GetObjectItemCaseSensitive(r.root, "options");
    cJSON_AddStringToObject(options, "recipe", recipe->path);
    json_add_number(options, "batches", (double)o->batches);
    cJSON_AddBoolToObject(options, "trained", o->trained);
    enum status status = OK;
    for (const cJSON *entry = recipe->models->child; entry != NULL && status == OK; entry = entry->next)
        status = run_model(&flows[k++], &r, recipe, entry, o, err);
    for (size_t i = 0; i < k && status == OK; i++)
        add_flow(&r, &flows[i], &flows[0], o->batches);
    report_add_view(&r, &(struct view){"table", "gradient_norm", "norm of the gradient", "layer", NULL});
    report_add_view(&r, &(struct view){"table", "gradient_norm,loss", "mean over batches", NULL, NULL});
    report_add_view(&r, &(struct view){"bars", "gradient_norm", "Norm of the gradient, by layer", "layer", NULL});
    text = cJSON_PrintUnformatted(r.root);
    sha256_hex(digest, text, strlen(text));
    cJSON_AddStringToObject(r.root, "digest", digest);
    if (status == OK)
        status = report_write(&r, path, cJSON_CreateArray(), cJSON_CreateObject(), err);
    free(text);
    for (size_t i = 0; i < k; i++)
        flow_free(&flows[i]);
    free(flows);
    report_free(&r);
    return status;
}

enum status gradients_write(const struct recipe *recipe, const struct gradients_options *o, const char *path, struct error *err)
{
    struct recipe one;
    char *folder = NULL;
    if (o->batches > recipe->n_steps)
        return error_set(err, ERR_USAGE, "--batches: %s has %zu steps, expected at most so many", recipe->path, recipe->n_steps);
    if (o->seed == NULL && recipe->n_seeds == 0)
        return write_flows(recipe, o, path, err);
    enum status status = recipe_with_seed(&one, &folder, recipe, o->seed ? *o->seed : recipe->seeds[0], err);
    if (status == OK)
        status = write_flows(&one, o, path, err);
    free(folder);
    return status;
}

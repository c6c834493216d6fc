/* export.c - see export.h. */
#include "train/export.h"

#include "base/file.h"
#include "base/program.h"
#include "model/model.h"
#include "train/packing.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 1 << 16, GZIP = 16 + MAX_WBITS, LARGEST_VOCABULARY = 65536 };

/* A gzip file that appears whole. */
struct packer {
    struct file_writer file;
    z_stream z;
    unsigned char out[CHUNK];
};

static enum status packer_open(struct packer *p, const char *path, struct error *err)
{
    p->z = (z_stream){0};
    enum status status = file_writer_open(&p->file, path, err);
    if (status == OK && deflateInit2(&p->z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        file_writer_abort(&p->file);
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    return status;
}

static enum status packer_add(struct packer *p, const void *data, size_t n, bool end, struct error *err)
{
    p->z.next_in = (unsigned char *)data;
    p->z.avail_in = (unsigned)n;
    do {
        p->z.next_out = p->out;
        p->z.avail_out = CHUNK;
        deflate(&p->z, end ? Z_FINISH : Z_NO_FLUSH);
        size_t made = CHUNK - p->z.avail_out;
        if (fwrite(p->out, 1, made, p->file.stream) != made)
            return error_set(err, ERR_SYSTEM, "%s: cannot be written", p->file.path);
    } while (p->z.avail_out == 0);
    return OK;
}

static enum status packer_close(struct packer *p, enum status status, struct error *err)
{
    if (status == OK)
        status = packer_add(p, "", 0, true, err);
    deflateEnd(&p->z);
    if (status == OK)
        return file_writer_commit(&p->file, err);
    file_writer_abort(&p->file);
    return status;
}

/* Appends `n` sequences of a stage from number `first` on. */
static enum status pack(struct packer *p, const struct recipe *r, const struct stage *stage, enum packing packing, size_t first,
                        size_t n, struct token_counts *counts, struct error *err)
{
    struct packed packed = {0};
    unsigned char *bytes = malloc(2 * (stage->seq_len + 1));
    enum status status = bytes != NULL ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", r->path);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (stop_signal)
            status = error_set(err, ERR_STOPPED, "export: stopped, nothing of the tokens was kept");
        if (status == OK)
            status = pack_sequence(&packed, r, stage, packing, first + i, err);
        for (size_t k = 0; k < packed.ids.n && status == OK; k++) {
            bytes[2 * k] = (unsigned char)(packed.ids.data[k] & 0xff);
            bytes[2 * k + 1] = (unsigned char)(packed.ids.data[k] >> 8);
        }
        if (status == OK)
            status = packer_add(p, bytes, 2 * packed.ids.n, false, err);
        packed_count(counts, &packed);
    }
    free(bytes);
    packed_free(&packed);
    return status;
}

static enum status write_tokens(const struct recipe *r, enum packing packing, const char *folder, const char *name,
                                struct token_counts *counts, struct error *err)
{
    struct packer p;
    char *path = path_join(folder, name);
    enum status status = path != NULL ? packer_open(&p, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    free(path);
    if (status != OK)
        return status;
    size_t first = 0;
    if (packing == PACK_VALIDATION)
        status = pack(&p, r, &r->validation, packing, 0, r->validation_sequences, counts, err);
    for (size_t s = 0; s < r->n_stages && packing == PACK_TRAINING && status == OK; s++) {
        size_t n = r->stages[s].steps * r->stages[s].sequences;
        status = pack(&p, r, &r->stages[s], packing, first, n, counts, err);
        first += n;
    }
    return packer_close(&p, status, err);
}

/* Copies the named files of a folder into FOLDER/PART. */
static enum status copy_files(const char *from, const char *folder, const char *part, const char *const names[2],
                              struct error *err)
{
    char *to = path_join(folder, part);
    enum status status = from && to ? file_make_directory(to, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    for (size_t i = 0; i < 2 && status == OK; i++)
        status = file_copy(from, to, names[i], err);
    free(to);
    return status;
}

/* The trained model that a training goes on from, into FOLDER/start/NAME. */
static enum status copy_start(const struct recipe *r, const char *folder, const cJSON *entry, struct error *err)
{
    static const char *const files[2] = {"config.json", "model.safetensors"};
    char *from = recipe_start_folder(r, entry), *part = path_join("start", entry->string);
    enum status status =
        part ? copy_files(from, folder, part, files, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    free(from);
    free(part);
    return status;
}

/* What a model is and how each tensor is drawn: numbers of the stream (seed, name, 0) times `deviation`, or all `value`. */
static enum status describe_model(cJSON *models, const struct recipe *r, const cJSON *entry, struct error *err)
{
    struct config config;
    struct weights weights = {0};
    enum status status = recipe_model(r, entry, &config, err);
    if (status == OK)
        status = weights_list(&weights, &config, err);
    if (status != OK)
        return status;
    cJSON *model = cJSON_AddObjectToObject(models, entry->string);
    cJSON_AddItemToObject(model, "config", config_to_json(&config));
    json_add_number(model, "n_params", (double)weights.n_params);
    cJSON *tensors = cJSON_AddArrayToObject(model, "tensors");
    for (size_t i = 0; i < weights.n_rows; i++) {
        const struct weight_row *row = &weights.rows[i];
        cJSON *tensor = cJSON_CreateObject(), *shape = cJSON_CreateArray();
        cJSON_AddItemToArray(tensors, tensor);
        cJSON_AddStringToObject(tensor, "name", row->name);
        cJSON_AddItemToObject(tensor, "shape", shape);
        for (size_t d = 0; d < row->n_dims; d++)
            cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)row->shape[d]));
        if (row->init == INIT_ONES || row->init == INIT_ZEROS)
            cJSON_AddNumberToObject(tensor, "value", row->init == INIT_ONES ? 1 : 0);
        else
            cJSON_AddNumberToObject(tensor, "deviation", weights_deviation(row, &weights, &config));
    }
    weights_free(&weights);
    return OK;
}

static cJSON *describe_stage(const struct stage *stage, const char *count, size_t n)
{
    cJSON *json = cJSON_CreateObject();
    json_add_number(json, count, (double)n);
    json_add_number(json, "seq_len", (double)stage->seq_len);
    json_add_number(json, "sequences", (double)stage->sequences);
    return json;
}

static cJSON *describe(const struct recipe *r)
{
    const struct adamw_settings *o = &r->optimizer;
    cJSON *root = cJSON_CreateObject(), *stages, *optimizer, *rates;
    cJSON_AddStringToObject(root, "recipe", r->path);
    cJSON_AddStringToObject(root, "output", r->output);
    json_add_number(root, "seed", (double)r->seed);
    json_add_number(root, "data_seed", (double)r->data_seed);
    json_add_number(root, "end_token", r->end);
    cJSON_AddStringToObject(root, "attention", r->attention == ATTENTION_WITHIN ? "within_documents" : "across_documents");
    cJSON_AddBoolToObject(root, "keep_f32", r->keep_f32);
    json_add_number(root, "validation_steps", (double)r->validation_steps);
    cJSON_AddItemToObject(root, "validation", describe_stage(&r->validation, "steps", 1));
    cJSON_SetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "validation"), "sequences"),
                         (double)r->validation_sequences);
    stages = cJSON_AddArrayToObject(root, "stages");
    for (size_t s = 0; s < r->n_stages; s++)
        cJSON_AddItemToArray(stages, describe_stage(&r->stages[s], "steps", r->stages[s].steps));
    optimizer = cJSON_AddObjectToObject(root, "optimizer");
    json_add_number(optimizer, "beta1", o->beta1);
    json_add_number(optimizer, "beta2", o->beta2);
    json_add_number(optimizer, "eps", o->eps);
    json_add_number(optimizer, "weight_decay", o->weight_decay);
    json_add_number(optimizer, "clip", o->clip);
    rates = cJSON_AddArrayToObject(root, "rates");
    for (size_t i = 0; i < r->n_steps; i++)
        cJSON_AddItemToArray(rates, cJSON_CreateNumber(recipe_rate(r, i)));
    return root;
}

static void add_counts(cJSON *root, const struct token_counts *counts)
{
    cJSON *kinds = cJSON_AddObjectToObject(root, "tokens_by_kind");
    for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
        if (counts->kinds[i] > 0)
            json_add_number(kinds, DOCUMENT_KINDS[i].name, (double)counts->kinds[i]);
    json_add_number(root, "fill_tokens", (double)counts->fill);
}

static enum status write_export(const struct recipe *r, const char *folder, struct error *err)
{
    static const char *const tokenizer_files[2] = {"tokenizer.json", "tokenizer_config.json"};
    if (tokenizer_size(r->tokenizer) > LARGEST_VOCABULARY)
        return error_set(err, ERR_INPUT, "%s: has %zu tokens, expected at most %d, which 16 bits tell apart", r->tokenizer_folder,
                         tokenizer_size(r->tokenizer), LARGEST_VOCABULARY);
    struct token_counts counts = {0}, unused = {0};
    cJSON *root = describe(r), *models = cJSON_AddObjectToObject(root, "models");
    char *path = path_join(folder, "export.json");
    enum status status =
        path != NULL ? file_make_directory(folder, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    for (const cJSON *entry = r->models->child; entry != NULL && status == OK; entry = entry->next) {
        status = describe_model(models, r, entry, err);
        if (status == OK && recipe_is_started(r, entry))
            status = copy_start(r, folder, entry, err);
    }
    if (status == OK)
        status = copy_files(r->tokenizer_folder, folder, "tokenizer", tokenizer_files, err);
    if (status == OK)
        status = write_tokens(r, PACK_VALIDATION, folder, "validation.gz", &unused, err);
    if (status == OK)
        status = write_tokens(r, PACK_TRAINING, folder, "training.gz", &counts, err);
    add_counts(root, &counts);
    if (status == OK)
        status = json_write(path, root, err);
    free(path);
    cJSON_Delete(root);
    return status;
}

enum status export_write(const struct recipe *recipe, const uint64_t *seed, const char *folder, struct error *err)
{
    struct recipe one = *recipe;
    char *output = NULL;
    if (seed == NULL && recipe->n_seeds > 0)
        return error_set(err, ERR_USAGE, "export: %s has %zu seeds, expected --seed with one of them", recipe->path,
                         recipe->n_seeds);
    enum status status = seed != NULL ? recipe_with_seed(&one, &output, recipe, *seed, err) : OK;
    if (status == OK)
        status = write_export(&one, folder, err);
    free(output);
    return status;
}

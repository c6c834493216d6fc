/* make_model.c - difftf-make-model: a model folder with random BF16 weights from a config.json, to measure memory and speed at
 * sizes that nobody commits. Numbers are written as they are drawn: a model may be larger than memory.
 *
 *   difftf-make-model CONFIG FOLDER [SEED] */
#include "base/file.h"
#include "base/program.h"
#include "cli/face.h"
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>

struct source {
    const struct weights *weights;
    const struct weight_row *row;
    const struct config *config;
    uint64_t seed;
    struct rng rng;
};

static void fill(void *context, float *out, size_t first, size_t n)
{
    struct source *s = context;
    if (first == 0)
        s->rng = rng_stream(s->seed, s->row->name, 0);
    weights_draw(out, n, &s->rng, s->row, s->weights, s->config);
}

static enum status write_weights(const char *path, const struct config *config, uint64_t seed, struct error *err)
{
    struct weights w;
    enum status status = weights_list(&w, config, err);
    if (status != OK)
        return status;
    struct source *sources = calloc(w.n_rows, sizeof *sources);
    struct tensor_out *out = calloc(w.n_rows, sizeof *out);
    for (size_t i = 0; sources && out && i < w.n_rows; i++) {
        const struct weight_row *row = &w.rows[i];
        sources[i] = (struct source){.weights = &w, .row = row, .config = config, .seed = seed};
        out[i] = (struct tensor_out){.name = row->name,
                                     .dtype = DTYPE_BF16,
                                     .n_dims = row->n_dims,
                                     .shape = {row->shape[0], row->shape[1]},
                                     .fill = fill,
                                     .context = &sources[i]};
    }
    status = sources && out ? safetensors_write(path, out, w.n_rows, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    free(sources);
    free(out);
    weights_free(&w);
    return status;
}

static enum status make(const char *from, const char *folder, uint64_t seed, struct error *err)
{
    static const char *const files[] = {"model.safetensors", "config.json", NULL};
    struct config config;
    struct file_folder made;
    cJSON *json = NULL;
    char *weights = path_join(folder, files[0]), *copy = path_join(folder, files[1]);
    enum status status = json_read(&json, from, err);
    if (status == OK)
        status = config_from_json(&config, json, from, err);
    if (status == OK)
        status = file_folder_begin(&made, folder, files, err);
    if (status == OK) {
        status = write_weights(weights, &config, seed, err);
        if (status == OK)
            status = json_write(copy, json, err);
        status = file_folder_end(&made, status);
    }
    cJSON_Delete(json);
    free(weights);
    free(copy);
    return status;
}

static const struct face FACE = {
    .name = "difftf-make-model",
    .summary = "writes a model folder of random weights, to see what a size costs",
    .arguments = "CONFIG FOLDER [SEED]",
    .description =
        "Writes FOLDER/config.json and FOLDER/model.safetensors with random BF16 weights of the shapes that CONFIG, a\n"
        "config.json, implies.",
};

int main(int argc, char **argv)
{
    program_start(FACE.name, false);
    struct error err = {0};
    enum status status;
    char *end = NULL;
    if (face_answers(&FACE, argc, argv, &status, &err))
        return program_end(status, &err);
    uint64_t seed = argc == 4 ? strtoull(argv[3], &end, 10) : 1;
    if (argc < 3 || argc > 4)
        status = face_misused(&FACE, NULL, &err);
    else if (end != NULL && (argv[3][0] < '0' || argv[3][0] > '9' || *end != '\0'))
        status = error_set(&err, ERR_USAGE, "SEED: '%.40s' is wrong, expected a whole number from 0", argv[3]);
    else
        status = make(argv[1], argv[2], seed, &err);
    return program_end(status, &err);
}

/* train.c - difftf-train: trains a model or a matched pair; `grads` writes gradients for comparison. */
#include "base/program.h"
#include "cli/face.h"
#include "train/curves.h"
#include "train/export.h"
#include "train/gradients.h"
#include "train/grads.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct trainer_options trainer;
    const char *model, *ids, *out, *adamw;
    uint64_t seed;
    size_t batches;
    bool trained, dry_run;
};

#define THREADS                                                                                                                  \
    {                                                                                                                            \
        "threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors; results do not depend on it", true, 0              \
    }
#define SEED                                                                                                                     \
    {                                                                                                                            \
        "seed", OPTION_INT, NULL, 0, 9007199254740991, "N", "of a recipe with `seeds`, this one alone", false, 0                 \
    }
static const struct option_spec TRAIN_OPTIONS[] = {
    {"only", OPTION_STRING, NULL, 0, 0, "MODEL", "train this model of the recipe alone", false, 0},
    SEED,
    THREADS,
    {"fresh", OPTION_FLAG, NULL, 0, 0, NULL, "start again even if there is a checkpoint", false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no progress lines", false, 0},
    {"dry-run", OPTION_FLAG, NULL, 0, 0, NULL, "train nothing: print what it will cost, as `plan` does", false, 0},
    {"json", OPTION_FLAG, NULL, 0, 0, NULL, "each line of the log on standard output", false, 0},
    OPTIONS_END,
};
static const struct option_spec PLAN_OPTIONS[] = {THREADS, OPTIONS_END};
static const struct option_spec EXPORT_OPTIONS[] = {SEED, OPTIONS_END};
static const struct option_spec CURVES_OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "the report to write", false, 0},
    OPTIONS_END,
};
static const struct option_spec GRADIENTS_OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "the report to write", false, 0},
    {"batches", OPTION_INT, "12", 3, 100000, "N", "batches of the training, from the first one on", false, 0},
    {"trained", OPTION_FLAG, NULL, 0, 0, NULL, "of the finished models, not of the weights that they begin with", false, 0},
    SEED,
    THREADS,
    OPTIONS_END,
};
static const struct option_spec GRADS_OPTIONS[] = {
    {"model", OPTION_STRING, NULL, 0, 0, "DIR", "model folder", false, 0},
    {"ids", OPTION_STRING, NULL, 0, 0, "FILE", "JSON array of token ids", false, 0},
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "safetensors file to write", false, 0},
    {"adamw", OPTION_STRING, NULL, 0, 0, "FILE", "also the weights after a step with these settings, JSON", false, 0},
    THREADS,
    OPTIONS_END,
};

static const struct face_word WORDS[] = {
    {"plan", "RECIPE.yaml...", "what recipes will cost on this machine", PLAN_OPTIONS, NULL},
    {"export", "RECIPE.yaml FOLDER", "the sequences, rates and first weights of a training, for tools/train-torch",
     EXPORT_OPTIONS, NULL},
    {"curves", "[NAME=]FOLDER...", "a report of finished trainings, for difftf-eval report", CURVES_OPTIONS, NULL},
    {"gradients", "RECIPE.yaml", "a report of how large the gradients of each layer are, the same batches through every model",
     GRADIENTS_OPTIONS, NULL},
    {"grads", NULL, "the gradients of a model on given tokens", GRADS_OPTIONS, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct face FACE = {
    .name = "difftf-train",
    .summary = "trains a model, or a matched pair",
    .arguments = "RECIPE.yaml",
    .description = "Trains the models of a recipe one after another (or the one named by --only) and goes on by itself after an\n"
                   "interruption. Examples of recipes are in configs/train/.",
    .options = TRAIN_OPTIONS,
    .words = WORDS,
};

/* Those that the word's table lacks are absent. */
static void read_options(struct arguments *a, const cJSON *values)
{
    double threads = json_has(values, "threads") ? option_number(values, "threads") : 0;
    if (threads > 0)
        a->trainer.threads = (int)threads;
    if (json_has(values, "seed")) {
        a->seed = (uint64_t)option_number(values, "seed");
        a->trainer.seed = &a->seed;
    }
    a->trainer.only = option_string(values, "only");
    a->trainer.fresh = option_flag(values, "fresh");
    a->trainer.quiet = option_flag(values, "quiet");
    a->trainer.json = option_flag(values, "json");
    a->batches = json_has(values, "batches") ? option_size(values, "batches") : 0;
    a->dry_run = option_flag(values, "dry-run");
    a->trained = option_flag(values, "trained");
    a->model = option_string(values, "model");
    a->ids = option_string(values, "ids");
    a->out = option_string(values, "out");
    a->adamw = option_string(values, "adamw");
}

static enum status run_plan(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    return plan_print(stdout, operands, (size_t)n, a->trainer.threads, true, err);
}

static enum status run_export(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    (void)n;
    struct recipe recipe;
    enum status status = recipe_load(&recipe, operands[0], err);
    if (status != OK)
        return status;
    status = export_write(&recipe, a->trainer.seed, operands[1], err);
    recipe_free(&recipe);
    return status;
}

static enum status run_curves(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    return a->out ? curves_write(operands, (size_t)n, a->out, err)
                  : error_set(err, ERR_USAGE, "curves: option --out is missing, expected a report to write");
}

static enum status run_gradients(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    (void)n;
    struct recipe recipe;
    if (a->out == NULL)
        return error_set(err, ERR_USAGE, "gradients: option --out is missing, expected a report to write");
    enum status status = recipe_load(&recipe, operands[0], err);
    if (status != OK)
        return status;
    struct gradients_options options = {a->trainer.seed, a->batches, a->trained, a->trainer.threads};
    status = gradients_write(&recipe, &options, a->out, err);
    recipe_free(&recipe);
    return status;
}

static enum status run_grads(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    (void)operands;
    (void)n;
    if (a->model == NULL || a->ids == NULL || a->out == NULL)
        return error_set(err, ERR_USAGE, "grads: an option is missing, expected --model, --ids and --out");
    return grads_write(a->model, a->ids, a->adamw, a->out, a->trainer.threads, err);
}

static enum status run_training(const struct arguments *a, const char *const *operands, int n, struct error *err)
{
    (void)n;
    struct recipe recipe;
    if (a->dry_run)
        return plan_print(stdout, operands, 1, a->trainer.threads, false, err);
    enum status status = recipe_load(&recipe, operands[0], err);
    if (status != OK)
        return status;
    status = trainer_run(&recipe, &a->trainer, err);
    recipe_free(&recipe);
    return status;
}

/* The last row is what a call without a command's name means. */
static const struct command {
    const char *name;
    int fewest, most; /* operands */
    enum status (*run)(const struct arguments *a, const char *const *operands, int n, struct error *err);
} COMMANDS[] = {
    {"plan", 1, INT_MAX, run_plan},     {"export", 2, 2, run_export}, {"curves", 1, INT_MAX, run_curves},
    {"gradients", 1, 1, run_gradients}, {"grads", 0, 0, run_grads},   {NULL, 1, 1, run_training},
};

static enum status run(struct arguments *a, int argc, char **argv, struct error *err)
{
    const struct face_word *word = argc > 0 ? face_find(&FACE, argv[0]) : NULL;
    const struct command *c = COMMANDS;
    while (c->name != NULL && (word == NULL || strcmp(word->name, c->name) != 0))
        c++;
    cJSON *values = NULL, *rest = cJSON_CreateArray();
    int skip = word != NULL, n = 0;
    enum status status = options_parse(&values, rest, NULL, word ? word->options : FACE.options, argc - skip, argv + skip, err);
    const char **operands = calloc((size_t)cJSON_GetArraySize(rest) + 1, sizeof *operands);
    const cJSON *item;
    cJSON_ArrayForEach(item, rest) operands[n++] = item->valuestring;
    if (status == OK)
        read_options(a, values);
    if (status == OK && (n < c->fewest || n > c->most))
        status = face_misused(&FACE, word, err);
    if (status == OK)
        status = c->run(a, operands, n, err);
    free(operands);
    cJSON_Delete(values);
    cJSON_Delete(rest);
    return status;
}

int main(int argc, char **argv)
{
    program_start(FACE.name, true);
    struct error err = {0};
    enum status status;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {.trainer = {.threads = processors > 0 ? (int)processors : 1, .stop = &stop_signal}};
    if (!face_answers(&FACE, argc, argv, &status, &err))
        status = run(&a, argc - 1, argv + 1, &err);
    return program_end(status, &err);
}

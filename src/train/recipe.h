/* recipe.h - a training run as its YAML file describes it: models, data mix, stages, optimizer. */
#ifndef DIFFTF_TRAIN_RECIPE_H
#define DIFFTF_TRAIN_RECIPE_H

#include "lm/tokenizer.h"
#include "model/config.h"
#include "train/adamw.h"
#include "train/mix.h"

/* What a document sees of those packed before it into its sequence. */
enum packing_attention { ATTENTION_ACROSS, ATTENTION_WITHIN };

struct recipe {
    char *path;
    cJSON *root;              /* owns the strings below */
    uint64_t seed, data_seed; /* of the first weights; of the documents and their order */
    uint64_t *seeds;          /* [n_seeds] of `seeds`: the recipe once for each, or NULL */
    size_t n_seeds;
    struct tokenizer *tokenizer;
    const char *tokenizer_folder;
    int32_t end; /* the token that begins documents */
    struct corpus corpus;
    enum fill fill;
    enum packing_attention attention;
    struct stage *stages;
    size_t n_stages, n_steps;
    struct adamw_settings optimizer;
    double min_lr, decay_share; /* the rate falls to min_lr over the last share of the steps, after the warm-up at the earliest */
    bool cosine;                /* `schedule: cosine`; otherwise it falls linearly */
    size_t warmup_steps, checkpoint_steps, validation_steps, validation_sequences;
    bool recompute; /* activations are computed again in the backward pass */
    size_t lambda_warmup_steps;
    bool keep_f32;           /* the model's weights are written as F32, not BF16 */
    struct stage validation; /* one mix for the whole run: `validation`, or that of the last stage */
    const char *start;       /* folder with trained models of the same names and shapes to begin with, or NULL: random weights */
    const char *output;      /* folder: one folder a model in it, with `seeds` in one folder seed-N for each */
    const cJSON *models;     /* name -> config.json keys */
};

enum status recipe_load(struct recipe *recipe, const char *path, struct error *err);
void recipe_free(struct recipe *recipe);
/* The recipe with one of its `seeds` as its seed; `output` becomes that seed's folder in *folder, which the caller frees. What it
 * points to stays the recipe's. */
enum status recipe_with_seed(struct recipe *one, char **folder, const struct recipe *recipe, uint64_t seed, struct error *err);
/* The model config of one entry of `models`; vocabulary and end token come from the tokenizer. */
enum status recipe_model(const struct recipe *recipe, const cJSON *entry, struct config *config, struct error *err);
/* The folder that a model begins with, its own `start` or that of the recipe which holds this model: of the recipe's seed where
 * it has seeds. NULL when out of memory. */
char *recipe_start_folder(const struct recipe *recipe, const cJSON *entry);
/* Does a model's `freeze` leave a tensor as it is? The last of its patterns that fits the name decides; `!` before one thaws. */
bool recipe_freezes(const cJSON *entry, const char *tensor);
/* Does a model of the recipe begin with trained weights? */
bool recipe_is_started(const struct recipe *recipe, const cJSON *entry);
/* Entries of `models` with a `start` of their own take the keys of its config.json that they do not have themselves. */
enum status recipe_take_starts(cJSON *root, const char *path, struct error *err);
/* The longest sequence of training and validation. */
size_t recipe_longest(const struct recipe *recipe);
/* The stage of an optimizer step. */
const struct stage *recipe_stage(const struct recipe *recipe, size_t step);
/* The number of the first sequence of an optimizer step. */
size_t recipe_first_sequence(const struct recipe *recipe, size_t step);
/* Tokens of the steps from..to-1. */
double recipe_tokens(const struct recipe *recipe, size_t from, size_t to);
/* The share of lambda that is held back in a step: from 1 to 0 over lambda_warmup_steps. */
float recipe_lambda_held(const struct recipe *recipe, size_t step);
/* Learning rate of a step: linear warm-up, constant, then linear or cosine decay. */
double recipe_rate(const struct recipe *recipe, size_t step);
/* What decides a model up to a step: runs with the same digest have made the same steps. It covers the contents of corpus and
 * tokenizer, the seeds, the recipe's keys and the model's entry, and `start`, a hash of the weights that it began with (empty:
 * random ones). How many steps there are in all is not in it, nor what comes after the step. */
uint64_t recipe_digest(const struct recipe *recipe, const cJSON *entry, const char *start, size_t step);

#endif

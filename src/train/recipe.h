/* recipe.h - a training run as its YAML file describes it: models, data mix, stages, optimizer. */
#ifndef DIFFTF_TRAIN_RECIPE_H
#define DIFFTF_TRAIN_RECIPE_H

#include "lm/tokenizer.h"
#include "model/config.h"
#include "train/adamw.h"
#include "train/documents.h"

/* One kind of document in the mix of a stage. */
struct ingredient {
    const struct document_kind *kind;
    double weight;            /* its share of the tokens, beside the others' */
    size_t shortest, longest; /* bytes of a document */
    double tokens;            /* of a document on average, measured when the recipe is read */
};

/* A stretch of training with one sequence length. */
struct stage {
    size_t steps, seq_len, sequences; /* optimizer steps, tokens a sequence, sequences a step */
    struct ingredient *mix;
    size_t n_mix;
};

struct recipe {
    char *path;
    cJSON *root;              /* owns the strings below */
    uint64_t seed, data_seed; /* of the first weights; of the documents and their order */
    uint64_t *seeds;          /* [n_seeds] of `seeds`: the recipe once for each, or NULL */
    size_t n_seeds;
    uint64_t digest; /* of everything that changes the result */
    struct tokenizer *tokenizer;
    const char *tokenizer_folder;
    struct corpus corpus;
    struct stage *stages;
    size_t n_stages, n_steps;
    struct adamw_settings optimizer;
    double min_lr, decay_share; /* the rate falls to min_lr over the last share of the steps, after the warm-up at the earliest */
    bool cosine;                /* `schedule: cosine`; otherwise it falls linearly */
    size_t warmup_steps, checkpoint_steps, validation_steps, validation_sequences;
    struct stage validation; /* one mix for the whole run: `validation`, or that of the last stage */
    const char *start;       /* folder with trained models of the same names and shapes to begin with, or NULL: random weights */
    const char *output;      /* folder: one folder a model in it */
    const cJSON *models;     /* name -> config.json keys */
};

enum status recipe_load(struct recipe *recipe, const char *path, struct error *err);
void recipe_free(struct recipe *recipe);
/* The model config of one entry of `models`; vocabulary and end token come from the tokenizer. */
enum status recipe_model(const struct recipe *recipe, const cJSON *entry, struct config *config, struct error *err);
/* The stage of an optimizer step. */
const struct stage *recipe_stage(const struct recipe *recipe, size_t step);
/* Learning rate of a step: linear warm-up, constant, then linear or cosine decay. */
double recipe_rate(const struct recipe *recipe, size_t step);

#endif

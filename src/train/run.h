/* run.h - the state of one model in training, and what of it is kept in files. For the trainer, and what looks at a
 * step of it. */
#ifndef DIFFTF_TRAIN_RUN_H
#define DIFFTF_TRAIN_RUN_H

#include "model/gradient.h"
#include "train/packing.h"
#include "train/recipe.h"

struct trainer_options;

struct run {
    const struct recipe *recipe;
    const struct trainer_options *options;
    const cJSON *entry; /* of the recipe's models */
    char start[65];     /* SHA-256 of the weights that it began with; empty: random ones */
    char *folder, *checkpoint, *log;
    int lock; /* of the folder, which two trainings would both write */
    struct model model;
    struct gradient gradient;
    struct adamw adamw;
    bool *frozen; /* [rows of the weights] tensors that stay as they are; NULL: none */
    struct packed sequence;
    struct token_counts counts; /* of the whole training */
    double loss_sum;            /* over the steps since the last line of the log */
    int64_t loss_steps;
    size_t extended_from;   /* the steps of the shorter training that this one goes on from; 0: none */
    double started, tokens; /* of this process */
};

/* Writes weights, moments and the numbers of the run. */
enum status checkpoint_save(const struct run *run, struct error *err);
/* Takes all of it back, bit by bit; it must be of a run that made the same steps. A finished one may have had fewer. */
enum status checkpoint_load(struct run *run, struct error *err);

/* Loss summed over the sequence, and with a scale its gradients, as gradient_add; document by document where the recipe says
 * so. */
double run_sequence(struct run *run, float scale);
/* Loss over the validation set. */
enum status run_validate(struct run *run, double *loss, struct error *err);
/* Appends a line to train.jsonl on the steps since the last one, and shows it. */
enum status run_log(struct run *run, double grad_norm, struct error *err);
/* Drops the lines of steps that the checkpoint has not reached: they will be written again. */
enum status run_trim_log(const struct run *run, struct error *err);
/* Is the training of this folder finished and its checkpoint gone (training.json)? One of other steps or seeds is refused: there
 * is nothing that it could go on from, and its results would be lost. */
enum status run_is_finished(const struct run *run, bool *finished, struct error *err);
/* Writes training.json: one line on the finished training, which the scaling task fits. */
enum status run_write_result(struct run *run, struct error *err);

#endif

/* trainer.h - the training loop: steps, validation, log, checkpoints. */
#ifndef DIFFTF_TRAIN_TRAINER_H
#define DIFFTF_TRAIN_TRAINER_H

#include "train/recipe.h"

#include <signal.h>

struct trainer_options {
    const char *only;     /* train this model alone; NULL: all, one after another */
    const uint64_t *seed; /* of a recipe's `seeds`, this one alone; NULL: all */
    int threads;
    bool fresh;                        /* start again even if there is a checkpoint */
    bool quiet;                        /* no progress lines */
    bool json;                         /* the lines of the log on standard output, too */
    const volatile sig_atomic_t *stop; /* set by a signal: write a checkpoint and return ERR_STOPPED */
};

/* Trains the models of a recipe, for each of its seeds. In the folder of each (OUTPUT/MODEL, or OUTPUT/seed-N/MODEL):
 * config.json, model.safetensors, tokenizer files, train.jsonl (a line a log entry), training.json (when it is finished) and
 * checkpoint.safetensors, from which the next call goes on to the same bits, or to more steps. */
enum status trainer_run(const struct recipe *recipe, const struct trainer_options *options, struct error *err);

#endif

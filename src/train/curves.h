/* curves.h - a report of trainings: their logs as curves, several models in one picture. */
#ifndef DIFFTF_TRAIN_CURVES_H
#define DIFFTF_TRAIN_CURVES_H

#include "base/status.h"

#include <stddef.h>

/* Writes a report on the trainings in `folders` (each FOLDER or NAME=FOLDER, with the train.jsonl and, of a finished one, the
 * training.json that the trainer leaves there) to `path`: loss, validation loss, gradient norm, rate and lambda of each layer
 * over the tokens seen. `difftf-eval report` makes a page of it. */
enum status curves_write(const char *const *folders, size_t n, const char *path, struct error *err);

#endif

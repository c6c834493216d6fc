/* plan.h - what recipes will cost on this machine, before any of it is spent: parameters, tokens, FLOPs, hours. */
#ifndef DIFFTF_TRAIN_PLAN_H
#define DIFFTF_TRAIN_PLAN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Prints a table to `out`: a row a model of each recipe, hours on so many threads from training passes timed now (of a model too
 * large to try: at the speed of a large matrix product, which no training exceeds), and their sum.  Neither corpus nor tokenizer
 * need be there; without the tokenizer a model's `vocab_size` counts.  With `matched` ERR_INPUT too, after the table, when the
 * models of a recipe differ by more than 1 % in parameters. */
enum status plan_print(FILE *out, const char *const *recipes, size_t n, int threads, bool matched, struct error *err);

#endif

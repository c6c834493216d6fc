/* holdout.h - what the needle evaluation asks for and training must never see.
 *
 * The cities and half of all numbers are kept for evaluation: the training
 * documents draw from made-up names and from the other half, so a number found
 * by a model of this project was read in the context, not remembered.
 */
#ifndef DIFFTF_LM_HOLDOUT_H
#define DIFFTF_LM_HOLDOUT_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

extern const char *const HOLDOUT_CITIES[];
extern const size_t N_HOLDOUT_CITIES;

bool holdout_is_city(const char *name);
/* A number of `digits` digits (1..9), uniform over the half for evaluation or the half for training. */
long holdout_number(struct rng *rng, int digits, bool evaluation);

#endif

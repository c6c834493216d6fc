/* recipe_check.h - what a recipe says that would be ignored, or would train something else than it says. */
#ifndef DIFFTF_TRAIN_RECIPE_CHECK_H
#define DIFFTF_TRAIN_RECIPE_CHECK_H

#include "train/recipe.h"

/* Keys that nothing reads: all of them in one message, each with the nearest key that is read. Only `root` is looked at. */
enum status recipe_check_keys(struct recipe *recipe, struct error *err);
/* The models' names, which become folders; their configs, by which no sequence may be longer than the model. The tokenizer is
 * there. */
enum status recipe_check_models(struct recipe *recipe, struct error *err);

#endif

/* icl_prompt.h - many-shot prompts: which demonstrations, in which order, as text. */
#ifndef DIFFTF_TASKS_ICL_PROMPT_H
#define DIFFTF_TASKS_ICL_PROMPT_H

#include "suite/dataset.h"
#include "tasks/icl_form.h"

/* Labelled texts of a data set; strings belong to the data set or to `numbers`. */
struct labelled {
    const char **text;
    size_t *label; /* [n] index into labels */
    char **labels; /* sorted */
    size_t n, n_labels;
};
/* The records' `text` and `label`, the label as the form says it. With `known`, labels are looked up there and a new one is an
 * error. */
enum status labelled_read(struct labelled *l, const struct dataset *d, const struct icl_form *form, const struct labelled *known,
                          struct error *err);
void labelled_free(struct labelled *l);

/* The order in which `shots` demonstrations stand. They are the same for every order: the first of a random order of all. */
enum arrangement { ARRANGE_RANDOM, ARRANGE_ALTERNATE };
/* order [shots]: a random permutation (the first of all is order 0), or the classes in turn, 1 .. C, 1 .. C, with a random order
 * of classes and within each class. */
bool icl_order(size_t *order, const struct labelled *train, size_t shots, enum arrangement arrangement, size_t number,
               uint64_t seed);
/* The demonstrations in the form's words, its joiner after each: the test text comes next. */
bool icl_demonstrations(struct text *out, const struct labelled *train, const struct icl_form *form, const size_t *order,
                        size_t shots);

#endif

/* choice_form.h - a multiple-choice task as its YAML file describes it, and what it makes of a record. */
#ifndef DIFFTF_TASKS_CHOICE_FORM_H
#define DIFFTF_TASKS_CHOICE_FORM_H

#include "base/memory.h"
#include "suite/form.h"

struct choice_form {
    struct form file;
    const char *name, *context, *delimiter, *filters, *data, *train, *licence;
    const char *headline; /* the measure that stands for the set: acc, acc_norm or acc_bytes */
    const cJSON *choices, *contexts, *labels, *target;
};
/* `name` is a YAML file or the name of one in configs/choice. */
enum status choice_form_load(struct choice_form *form, const char *name, struct error *err);
void choice_form_free(struct choice_form *form);

/* One question: n contexts and continuations; contexts are all the same but where the form has `contexts`. A target that is a
 * list makes each of its choices right; `target` is the first. */
struct question {
    size_t n, target;
    bool *right;                         /* [n] */
    struct text *context, *continuation; /* [n] */
};
enum status question_make(struct question *q, const struct choice_form *form, const cJSON *record, const char *record_name,
                          struct error *err);
void question_free(struct question *q);

#endif

/* math_form.h - how a set of questions with worked answers is asked and graded, as YAML.
 *
 *   name: gsm8k
 *   prompt: "Question: {question}\nAnswer:"
 *   solution: "{answer}"             what stands behind the prompt of a worked example, after `delimiter` (a blank)
 *   target: "{answer}"               where the right answer is: boxed, behind ####, else all of it
 *   extract: [hashes, number]        where an output's answer is looked for, in this order (math_answer.h)
 *   stop: ["Question:"]              an output ends before any of these
 *   joiner: "\n\n"                   behind a worked example
 *   level: "{level}"                 groups of questions that are reported apart
 *   shots: 5, new_tokens: 1024       what --shots and --max-new-tokens are unless given
 *   data, train, licence             files that come with the program
 */
#ifndef DIFFTF_TASKS_MATH_FORM_H
#define DIFFTF_TASKS_MATH_FORM_H

#include "suite/form.h"
#include "tasks/math_answer.h"

struct math_form {
    struct form file;
    const char *name, *prompt, *solution, *target, *level, *delimiter, *joiner, *data, *train, *licence;
    const char **stop; /* [n_stop] */
    enum answer_kind extract[N_ANSWER_KINDS];
    size_t n_stop, n_extract, shots, new_tokens;
};

/* `name` is a YAML file or the name of one in configs/math. */
enum status math_form_load(struct math_form *form, const char *name, struct error *err);
void math_form_free(struct math_form *form);

#endif

/* needle_attention.h - what the attention lies on while the number is about to be said (Ye et al. 2024, table 3 and figure 1).
 *
 * As the paper counts it: for the row that predicts the first token of an asked number (the reference answer's words before it
 * are fed in, the same for every model), the effective map of each head (A, or A1 - lambda A2) is summed with its signs over five
 * parts of the prompt; the sums are averaged over all heads and layers and divided by their total, so that they add up to one.
 * Several asked needles: one such row each, the mean over them.
 */
#ifndef DIFFTF_TASKS_NEEDLE_ATTENTION_H
#define DIFFTF_TASKS_NEEDLE_ATTENTION_H

#include "tasks/needle_prompt.h"

enum { PART_FIRST, PART_BEFORE, PART_ANSWER, PART_AFTER, PART_QUESTION, N_ATTENTION_PARTS };
/* "first", "before", "answer", "after", "question", NULL. */
extern const char *const ATTENTION_PARTS[N_ATTENTION_PARTS + 1];

/* Runs the reference answer after the prompt (`reference` NULL: the last prompt token's row counts) in a session that has the
 * prompt, and adds to `evidence`:
 *   attention: {first, before, answer, after, question, noise,   noise = before + after
 *               abs_answer, abs_noise,                           shares of the sums of absolute values, head by head
 *               rows_answer, rows_noise,                         over the rows of all tokens of the answer
 *               layers: [{the same of one layer}]} */
enum status needle_attention(cJSON *evidence, const struct needle_prompt *p, const struct needle_reference *reference,
                             struct session *session, struct error *err);

#endif

/* math_answer.h - the final answer of a worked solution: where it stands, its normal form, and whether two are the same.
 *
 * Where it may stand (a form lists the kinds in the order in which they are tried):
 *   boxed    in the last \boxed{..} or \fbox{..} that is closed, braces within braces kept
 *   hashes   behind the first ####, to the end of its sentence
 *   phrase   behind the last "answer is", to the end of its sentence
 *   number   the last number: 1,234.5, -3, .5, 3/4; a - between two numbers is no sign
 *   whole    everything
 *
 * The normal form follows the public graders (Hendrycks et al. 2021; Lewkowycz et al. 2022, appendix D): RULES in math_answer.c.
 */
#ifndef DIFFTF_TASKS_MATH_ANSWER_H
#define DIFFTF_TASKS_MATH_ANSWER_H

#include "base/memory.h"
#include "base/status.h"

enum answer_kind { ANSWER_BOXED, ANSWER_HASHES, ANSWER_PHRASE, ANSWER_NUMBER, ANSWER_WHOLE, N_ANSWER_KINDS };
extern const char *const ANSWER_KINDS[N_ANSWER_KINDS + 1]; /* their names, ended by NULL */

/* The patterns, compiled; immutable, shared by threads. */
struct grader;
enum status grader_open(struct grader **g, struct error *err);
void grader_free(struct grader *g);

/* Replaces `out` by what the first of kinds [n] finds in the text and says which; N_ANSWER_KINDS and nothing when none does. */
enum answer_kind grader_extract(const struct grader *g, struct text *out, const char *text, const enum answer_kind *kinds,
                                size_t n);
/* Replaces `out` by the answer's normal form; what is longer than 2,048 bytes stays but for capitals. */
void grader_normalise(const struct grader *g, struct text *out, const char *answer);
/* Are two normal forms the same text, or the same number where both are integers, decimals or fractions (0.5 and 1/2)? */
bool answers_equal(const char *a, const char *b);

#endif

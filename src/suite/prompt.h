/* prompt.h - from a prompt as text to the tokens that a model reads, with a token in front of them where its tokenizer says so.
 */
#ifndef DIFFTF_SUITE_PROMPT_H
#define DIFFTF_SUITE_PROMPT_H

#include "suite/task.h"

/* What --bos asks for. */
enum bos { BOS_AUTO, BOS_ALWAYS, BOS_NEVER };

/* The token that stands before every text for this model, or -1: --bos auto is what its own tokenizer does. */
int32_t prompt_bos(const struct experiment *e, const struct subject *s);
/* With --chat the text becomes a message of the user, up to where the assistant begins to speak. *at: bytes by which what stands
 * in it has moved. */
enum status prompt_chat(const struct experiment *e, const struct subject *s, struct text *text, ptrdiff_t *at, struct error *err);
/* Appends the whole text's tokens, encoded as one; the beginning-of-sequence token first, never twice. */
enum status prompt_encode(const struct experiment *e, const struct subject *s, const char *text, size_t length, struct ids *out,
                          struct error *err);
/* How many of the `whole` text's tokens belong to its first `at` bytes: those that its encoding shares with theirs. A token that
 * lies across is not counted. */
enum status prompt_boundary(const struct experiment *e, const struct subject *s, const char *text, size_t at,
                            const struct ids *whole, size_t *tokens, struct error *err);

/* What a task's `prompt` answers: the text, and the bytes from .. end of it that a person should see (none where both are one).
 */
void prompt_tell(cJSON *to, const char *text, size_t from, size_t end);

#endif

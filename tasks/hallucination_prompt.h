/* hallucination_prompt.h - a document and what is asked of it, cut until prompt and output fit. */
#ifndef DIFFTF_TASKS_HALLUCINATION_PROMPT_H
#define DIFFTF_TASKS_HALLUCINATION_PROMPT_H

#include "suite/prompt.h"

enum cut { CUT_MIDDLE, CUT_END };

struct document_prompt {
    const cJSON *record;
    const char *name;     /* of the record, in messages */
    const char *template; /* as given on a command line: \n is a line break */
    size_t room;          /* tokens that the prompt may have */
    enum cut cut;         /* what a document that is too long loses */
};
/* Appends the text and its tokens for a model. */
enum status document_prompt_write(struct text *text, struct ids *ids, const struct document_prompt *p, const struct experiment *e,
                                  const struct subject *subject, struct error *err);
/* Appends the text with its \n as line breaks. */
void text_unescape(struct text *out, const char *text);

#endif

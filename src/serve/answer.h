/* answer.h - what is told to clients, as JSON in the protocol's form. */
#ifndef DIFFTF_SERVE_ANSWER_H
#define DIFFTF_SERVE_ANSWER_H

#include "serve/job.h"

/* The whole answer of a job that is done. */
void answer_completion(struct text *out, const struct job *job);
/* {"error": {message, type, param, code}} */
void answer_refusal(struct text *out, const struct refusal *r);
/* Events of what is new since the last call; `last` adds the end of the stream. */
void answer_events(struct text *out, struct job *job, bool last);

#endif

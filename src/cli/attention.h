/* attention.h - what the commands that make pages of attention share. */
#ifndef DIFFTF_CLI_ATTENTION_H
#define DIFFTF_CLI_ATTENTION_H

#include "report/attention_page.h"

#include <cjson/cJSON.h>

/* Runs the n tokens s->ids on a model and keeps up to `limit` figures in s->maps. */
enum status attention_collect(struct attention_subject *s, const struct model *model, const size_t *layers, size_t n_layers,
                              size_t limit, int threads, size_t n, struct error *err);
/* The layers of a list of numbers (NULL: all), ascending, each once; the caller frees them. NULL when the model has no such one.
 */
size_t *attention_layers(const cJSON *list, const struct model *model, size_t *n, struct error *err);

#endif

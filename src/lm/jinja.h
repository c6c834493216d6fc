/* jinja.h - chat templates: the part of Jinja2 that they are written in.
 *
 * What transformers renders them with is followed: trim_blocks and lstrip_blocks, break and continue, {% generation %},
 * namespace(), raise_exception(), strftime_now(), its tojson. A template that uses another statement, filter, test, function or
 * method is refused, by that name. Work and memory are bounded, so that a template from anywhere may be run.
 */
#ifndef DIFFTF_LM_JINJA_H
#define DIFFTF_LM_JINJA_H

#include "base/memory.h"
#include "base/status.h"

#include <cjson/cJSON.h>
#include <time.h>

struct jinja;

/* Parses a template; `name` stands for it in messages, which have the line. */
enum status jinja_compile(struct jinja **j, const char *name, const char *source, size_t length, struct error *err);
void jinja_free(struct jinja *j);

/* Appends what it gives for the members of `variables` (an object); `now` is what strftime_now() tells. Threads may share a
 * template. */
enum status jinja_render(const struct jinja *j, const cJSON *variables, time_t now, struct text *out, struct error *err);

#endif

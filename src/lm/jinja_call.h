/* jinja_call.h - what filters and methods share: their arguments, and those that work on text. */
#ifndef DIFFTF_LM_JINJA_CALL_H
#define DIFFTF_LM_JINJA_CALL_H

#include "lm/jinja_parts.h"

typedef struct value jinja_call(struct run *, const struct value *, const struct call *);
struct jinja_named {
    const char *name;
    jinja_call *call;
};

/* The value itself, an error where it is no text. */
const struct value *jinja_text_of(struct run *r, const struct value *v);
/* An argument that is text, or `initial`; NULL: it must be there. */
struct value jinja_text_argument(struct run *r, const struct call *c, size_t i, const char *name, const char *initial);
int64_t jinja_whole_argument(struct run *r, const struct call *c, size_t i, const char *name, int64_t initial);

/* As Python's methods of text. */
jinja_call jinja_text_strip, jinja_text_lower, jinja_text_upper, jinja_text_title, jinja_text_capitalize, jinja_text_replace;
/* Members with a text between them. */
struct value jinja_text_joined(struct run *r, const struct value *members, const struct value *between);
extern const struct jinja_named JINJA_TEXT_METHODS[];

#endif

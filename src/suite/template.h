/* template.h - text with holes that a record fills: "Question: {goal|strip}\nAnswer:". */
#ifndef DIFFTF_SUITE_TEMPLATE_H
#define DIFFTF_SUITE_TEMPLATE_H

#include "base/memory.h"
#include "base/status.h"

#include <cjson/cJSON.h>

/* Appends the template with each {path} replaced by that member of the record (numbers and booleans as JSON writes them, a list
 * with commas between; {path?}: nothing where there is none), after its filters, {path|filter|filter}:
 *   strip         white space off both ends
 *   capitalize    first letter upper case, the rest lower case
 *   lower         lower case
 *   before:TEXT   what stands before the first TEXT
 *   after:TEXT    what stands after it
 *   prefix:TEXT   TEXT in front of what is not empty
 *   suffix:TEXT   TEXT behind it
 *   clean         the clean-up of HellaSwag: " [title]" becomes ". ", bracketed words and double spaces go
 * "{{" and "}}" are braces. `name` stands for the record in messages. */
enum status template_expand(struct text *out, const char *template, const cJSON *record, const char *name, struct error *err);

/* Applies filters, "clean|strip", to a text in place. */
enum status template_filter(struct text *text, const char *filters, const char *name, struct error *err);

/* The member that a template which is one hole without filters names; NULL when it is something else. */
const cJSON *template_member(const char *template, const cJSON *record);

#endif

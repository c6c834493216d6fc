/* icl_form.h - how a labelled set is put to a model: what stands before texts and labels, how labels are said, as YAML.
 *
 *   name: trec
 *   text: "Question: "               before a text
 *   label: "Type: "                  before its label, on the next line
 *   joiner: "\n==\n"                 between demonstrations
 *   labels: {ABBR: abbreviation}     what is said for a label of the data
 *   spaces: _                        characters of labels that are said as blanks
 *   fields: label=label_fine         fields of the records under other names, where --field names none
 */
#ifndef DIFFTF_TASKS_ICL_FORM_H
#define DIFFTF_TASKS_ICL_FORM_H

#include "base/memory.h"
#include "suite/form.h"

struct icl_form {
    struct form file;
    const char *name, *text, *label, *joiner, *spaces, *fields;
    const cJSON *labels;
};
/* `name` is a YAML file or the name of one in configs/icl. */
enum status icl_form_load(struct icl_form *form, const char *name, struct error *err);
void icl_form_free(struct icl_form *form);
/* What is said for a label of the data; the caller frees it. NULL when out of memory. */
char *icl_form_say(const struct icl_form *form, const char *label);
/* Appends "{text}{question}\n{label}", and the label itself after it, or without a label nothing after its prefix, not even the
 * blank that ends it: the blank belongs to the label. */
bool icl_form_write(struct text *out, const struct icl_form *form, const char *question, const char *label);
/* The blank between the prefix and the label, or nothing. */
const char *icl_form_gap(const struct icl_form *form);

#endif

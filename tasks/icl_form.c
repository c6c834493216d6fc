/* icl_form.c - see icl_form.h. */
#include "tasks/icl_form.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static enum status read_form(struct icl_form *f, struct error *err)
{
    static const char *const others[] = {"labels", NULL};
    f->text = f->label = f->spaces = "";
    f->joiner = "\n==\n";
    const struct form_key keys[] = {{"name", &f->name, true},      {"text", &f->text, false},     {"label", &f->label, false},
                                    {"joiner", &f->joiner, false}, {"spaces", &f->spaces, false}, {"fields", &f->fields, false}};
    enum status status = form_read(&f->file, keys, sizeof keys / sizeof *keys, others, err);
    f->labels = cJSON_GetObjectItemCaseSensitive(f->file.root, "labels");
    if (status == OK && f->labels != NULL && !cJSON_IsObject(f->labels))
        status = error_set(err, ERR_INPUT, "%s: key 'labels' is wrong, expected what is said for each label of the data",
                           f->file.path);
    if (status == OK && f->joiner[0] != '\n')
        status =
            error_set(err, ERR_INPUT, "%s: key 'joiner' is wrong, expected text that begins with a line break", f->file.path);
    return status;
}

enum status icl_form_load(struct icl_form *f, const char *name, struct error *err)
{
    *f = (struct icl_form){0};
    enum status status = form_load(&f->file, "icl", name, err);
    if (status == OK)
        status = read_form(f, err);
    if (status != OK)
        icl_form_free(f);
    return status;
}

void icl_form_free(struct icl_form *f)
{
    form_free(&f->file);
    *f = (struct icl_form){0};
}

char *icl_form_say(const struct icl_form *f, const char *label)
{
    const char *said = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(f->labels, label));
    char *copy = strdup(said ? said : label);
    for (char *c = copy; copy != NULL && *c != '\0'; c++)
        if (strchr(f->spaces, *c) != NULL)
            *c = ' ';
    return copy;
}

const char *icl_form_gap(const struct icl_form *f)
{
    return f->label + utf8_rstrip(f->label, strlen(f->label));
}

bool icl_form_write(struct text *out, const struct icl_form *f, const char *question, const char *label)
{
    int prefix = (int)utf8_rstrip(f->label, strlen(f->label));
    return label != NULL ? text_printf(out, "%s%s\n%s%s", f->text, question, f->label, label)
                         : text_printf(out, "%s%s\n%.*s", f->text, question, prefix, f->label);
}

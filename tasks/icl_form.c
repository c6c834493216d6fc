/* icl_form.c - see icl_form.h. */
#include "tasks/icl_form.h"

#include "base/file.h"
#include "base/utf8.h"
#include "suite/experiment.h"

#include <stdlib.h>
#include <string.h>

static enum status read_form(struct icl_form *f, struct error *err)
{
    f->text = f->label = f->spaces = "";
    f->joiner = "\n==\n";
    const struct {
        const char *key;
        const char **value;
    } strings[] = {{"name", &f->name},     {"text", &f->text},     {"label", &f->label},
                   {"joiner", &f->joiner}, {"spaces", &f->spaces}, {"fields", &f->fields}};
    const cJSON *member;
    enum status status = OK;
    cJSON_ArrayForEach(member, f->root)
    {
        bool known = strcmp(member->string, "labels") == 0;
        for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
            known = known || strcmp(member->string, strings[i].key) == 0;
        if (!known)
            return error_set(err, ERR_INPUT,
                             "%s: key '%.60s' is not known, expected name, text, label, joiner, labels, spaces or fields",
                             f->path, member->string);
    }
    for (size_t i = 0; i < sizeof strings / sizeof *strings && status == OK; i++)
        status = json_get_string(f->root, strings[i].key, i > 0, strings[i].value, f->path, err);
    f->labels = cJSON_GetObjectItemCaseSensitive(f->root, "labels");
    if (status == OK && f->labels != NULL && !cJSON_IsObject(f->labels))
        status =
            error_set(err, ERR_INPUT, "%s: key 'labels' is wrong, expected what is said for each label of the data", f->path);
    if (status == OK && f->joiner[0] != '\n')
        status = error_set(err, ERR_INPUT, "%s: key 'joiner' is wrong, expected text that begins with a line break", f->path);
    return status;
}

enum status icl_form_load(struct icl_form *f, const char *name, struct error *err)
{
    struct text relative = {0};
    char *text = NULL;
    size_t length = 0;
    *f = (struct icl_form){0};
    bool file = strchr(name, '/') != NULL || file_exists(name);
    text_printf(&relative, "configs/icl/%s.yaml", name);
    f->path = file ? strdup(name) : relative.data ? embedded_path(relative.data) : NULL;
    text_free(&relative);
    enum status status = f->path ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    if (status == OK && !file_exists(f->path))
        status = error_set(err, ERR_USAGE, "--form: there is no '%s', expected a YAML file or a name from configs/icl", name);
    if (status == OK)
        status = yaml_read(&f->root, f->path, err);
    if (status == OK)
        status = read_form(f, err);
    if (status == OK)
        status = file_read(&text, &length, f->path, err);
    if (status == OK)
        sha256_hex(f->sha256, text, length);
    free(text);
    if (status != OK)
        icl_form_free(f);
    return status;
}

void icl_form_free(struct icl_form *f)
{
    free(f->path);
    cJSON_Delete(f->root);
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

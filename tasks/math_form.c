/* math_form.c - see math_form.h. */
#include "tasks/math_form.h"

#include <stdlib.h>
#include <string.h>

/* Which kind of answer a text names; N_ANSWER_KINDS when none. */
static enum answer_kind kind_named(const char *name)
{
    size_t k = 0;
    while (k < N_ANSWER_KINDS && (name == NULL || strcmp(name, ANSWER_KINDS[k]) != 0))
        k++;
    return (enum answer_kind)k;
}

static enum status read_kinds(struct math_form *f, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(f->file.root, "extract"), *name;
    bool known = cJSON_IsArray(list) && list->child != NULL;
    cJSON_ArrayForEach(name, list)
    {
        enum answer_kind kind = kind_named(cJSON_GetStringValue(name));
        known = known && kind < N_ANSWER_KINDS && f->n_extract < N_ANSWER_KINDS;
        if (known)
            f->extract[f->n_extract++] = kind;
    }
    return known ? OK
                 : error_set(err, ERR_INPUT,
                             "%s: key 'extract' is missing or wrong, expected a list of boxed, hashes, phrase, number and whole",
                             f->file.path);
}

static enum status read_stops(struct math_form *f, struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(f->file.root, "stop"), *text;
    bool texts = list == NULL || cJSON_IsArray(list);
    f->stop = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *f->stop);
    cJSON_ArrayForEach(text, list)
    {
        texts = texts && cJSON_IsString(text) && text->valuestring[0] != '\0';
        f->stop[f->n_stop++] = text->valuestring;
    }
    return texts ? OK : error_set(err, ERR_INPUT, "%s: key 'stop' is wrong, expected a list of texts", f->file.path);
}

static enum status read_form(struct math_form *f, struct error *err)
{
    static const char *const others[] = {"extract", "stop", "shots", "new_tokens", NULL};
    const struct form_key keys[] = {{"name", &f->name, true},         {"prompt", &f->prompt, true},
                                    {"solution", &f->solution, true}, {"target", &f->target, true},
                                    {"level", &f->level, false},      {"delimiter", &f->delimiter, false},
                                    {"joiner", &f->joiner, false},    {"data", &f->data, false},
                                    {"train", &f->train, false},      {"licence", &f->licence, false}};
    int64_t shots = 0, new_tokens = 1024;
    f->delimiter = " ";
    f->joiner = "\n\n";
    enum status status = form_read(&f->file, keys, sizeof keys / sizeof *keys, others, err);
    if (status == OK)
        status = json_get_int(f->file.root, "shots", 0, 64, true, &shots, f->file.path, err);
    if (status == OK)
        status = json_get_int(f->file.root, "new_tokens", 1, 65536, true, &new_tokens, f->file.path, err);
    if (status == OK)
        status = read_kinds(f, err);
    if (status == OK)
        status = read_stops(f, err);
    f->shots = (size_t)shots;
    f->new_tokens = (size_t)new_tokens;
    return status;
}

enum status math_form_load(struct math_form *f, const char *name, struct error *err)
{
    *f = (struct math_form){0};
    enum status status = form_load(&f->file, "math", name, err);
    if (status == OK)
        status = read_form(f, err);
    if (status != OK)
        math_form_free(f);
    return status;
}

void math_form_free(struct math_form *f)
{
    free(f->stop);
    form_free(&f->file);
    *f = (struct math_form){0};
}

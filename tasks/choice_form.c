/* choice_form.c - see choice_form.h. */
#include "tasks/choice_form.h"

#include "suite/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status read_form(struct choice_form *f, struct error *err)
{
    static const char *const others[] = {"choices", "contexts", "labels", "target", NULL};
    const cJSON *root = f->file.root;
    f->delimiter = " ";
    f->headline = "acc";
    const struct form_key keys[] = {
        {"name", &f->name, true},        {"context", &f->context, false},  {"delimiter", &f->delimiter, false},
        {"data", &f->data, false},       {"train", &f->train, false},      {"licence", &f->licence, false},
        {"filters", &f->filters, false}, {"headline", &f->headline, false}};
    enum status status = form_read(&f->file, keys, sizeof keys / sizeof *keys, others, err);
    if (status == OK && strcmp(f->headline, "acc") != 0 && strcmp(f->headline, "acc_norm") != 0 &&
        strcmp(f->headline, "acc_bytes") != 0)
        status = error_set(err, ERR_INPUT, "%s: key 'headline': '%.40s' is not known, expected acc, acc_norm or acc_bytes",
                           f->file.path, f->headline);
    f->choices = cJSON_GetObjectItemCaseSensitive(root, "choices");
    f->contexts = cJSON_GetObjectItemCaseSensitive(root, "contexts");
    f->labels = cJSON_GetObjectItemCaseSensitive(root, "labels");
    f->target = cJSON_GetObjectItemCaseSensitive(root, "target");
    if (status == OK && f->target == NULL)
        status = error_set(err, ERR_INPUT, "%s: key 'target' is missing, expected a template such as \"{label}\"", f->file.path);
    if (status == OK && !cJSON_IsArray(f->choices) && !cJSON_IsString(f->choices))
        status = error_set(err, ERR_INPUT,
                           "%s: key 'choices' is missing, expected a list of templates or one field of the record", f->file.path);
    if (status == OK && (f->context == NULL) == !cJSON_IsArray(f->contexts))
        status =
            error_set(err, ERR_INPUT, "%s: key 'context' or 'contexts' is needed, expected exactly one of them", f->file.path);
    return status;
}

enum status choice_form_load(struct choice_form *f, const char *name, struct error *err)
{
    *f = (struct choice_form){0};
    enum status status = form_load(&f->file, "choice", name, err);
    if (status == OK)
        status = read_form(f, err);
    if (status != OK)
        choice_form_free(f);
    return status;
}

void choice_form_free(struct choice_form *f)
{
    form_free(&f->file);
    *f = (struct choice_form){0};
}

/* The value of a template as JSON: the member itself where it is one hole, else the text; what is no string stands for itself. */
static enum status value_of(cJSON **out, const cJSON *template, const cJSON *record, const char *name, struct error *err)
{
    const char *string = cJSON_GetStringValue(template);
    const cJSON *member = string ? template_member(string, record) : template;
    struct text text = {0};
    enum status status = OK;
    if (member != NULL || string == NULL) {
        *out = cJSON_Duplicate(member, true);
    } else if ((status = template_expand(&text, string, record, name, err)) == OK) {
        *out = cJSON_CreateString(text.data);
    }
    text_free(&text);
    return status;
}

/* "{choices.text}" of a list of objects [{text, label}, ..]: that member of each; NULL when the template is nothing of the kind.
 */
static cJSON *column_of(const char *template, const cJSON *record)
{
    char path[96];
    size_t n = strlen(template);
    if (n < 3 || n >= sizeof path || template[0] != '{' || strchr(template, '}') != template + n - 1)
        return NULL;
    snprintf(path, sizeof path, "%.*s", (int)(n - 2), template + 1);
    char *dot = strrchr(path, '.');
    if (dot == NULL)
        return NULL;
    *dot = '\0';
    const cJSON *list = json_path(record, path), *object;
    if (!cJSON_IsArray(list) || !cJSON_HasObjectItem(list->child, dot + 1))
        return NULL;
    cJSON *column = cJSON_CreateArray();
    cJSON_ArrayForEach(object, list)
        cJSON_AddItemToArray(column, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(object, dot + 1), true));
    return column;
}

/* The list behind `choices` or `labels`: a list of templates, or one field that is a list. */
static enum status list_of(cJSON **out, const cJSON *spec, const cJSON *record, const char *name, struct error *err)
{
    if (cJSON_IsString(spec))
        return (*out = column_of(spec->valuestring, record)) != NULL ? OK : value_of(out, spec, record, name, err);
    const cJSON *template;
    enum status status = OK;
    *out = cJSON_CreateArray();
    cJSON_ArrayForEach(template, spec)
    {
        cJSON *value = NULL;
        if (status == OK)
            status = value_of(&value, template, record, name, err);
        if (value != NULL)
            cJSON_AddItemToArray(*out, value);
    }
    return status;
}

/* "3", 3 and the label "3" are one; true is "true" and "True". */
static bool same_value(const cJSON *a, const cJSON *b)
{
    char printed[2][32];
    const char *text[2];
    const cJSON *both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        text[i] = cJSON_IsString(both[i]) ? both[i]->valuestring : printed[i];
        if (cJSON_IsNumber(both[i]))
            snprintf(printed[i], sizeof printed[i], "%.15g", both[i]->valuedouble);
        else if (cJSON_IsBool(both[i]))
            snprintf(printed[i], sizeof printed[i], "%s", cJSON_IsTrue(both[i]) ? "true" : "false");
        else if (!cJSON_IsString(both[i]))
            return false;
    }
    return (cJSON_IsBool(a) || cJSON_IsBool(b) ? strcasecmp : strcmp)(text[0], text[1]) == 0;
}

/* Which label, or without labels which index, the value is; q->n when it is none. */
static size_t find_choice(const struct question *q, const cJSON *labels, const cJSON *value)
{
    size_t i = 0;
    if (labels != NULL) {
        for (const cJSON *l = labels->child; l != NULL && !same_value(l, value); l = l->next)
            i++;
        return i < q->n ? i : q->n;
    }
    for (; i < q->n; i++) {
        cJSON *index = cJSON_CreateNumber((double)i);
        bool same = cJSON_IsBool(value) ? i == (size_t)cJSON_IsTrue(value) : same_value(index, value);
        cJSON_Delete(index);
        if (same)
            break;
    }
    return i;
}

static enum status find_target(struct question *q, const struct choice_form *f, const cJSON *record, const char *name,
                               struct error *err)
{
    cJSON *target = NULL, *labels = NULL;
    enum status status = value_of(&target, f->target, record, name, err);
    if (status == OK && f->labels != NULL)
        status = list_of(&labels, f->labels, record, name, err);
    q->right = calloc(q->n ? q->n : 1, sizeof *q->right);
    q->target = q->n;
    bool list = target != NULL && cJSON_IsArray(target), all = status == OK && (!list || target->child != NULL);
    for (const cJSON *one = list ? target->child : target; all && one != NULL; one = list ? one->next : NULL) {
        size_t i = find_choice(q, labels, one);
        all = i < q->n;
        if (all)
            q->right[i] = true;
        q->target = i < q->target ? i : q->target;
    }
    if (status == OK && !all) {
        char *printed = cJSON_PrintUnformatted(target);
        status = error_set(err, ERR_INPUT, "%s: the target %.60s is none of its %zu choices, expected one of them", name,
                           printed ? printed : "", q->n);
        free(printed);
    }
    cJSON_Delete(target);
    cJSON_Delete(labels);
    return status;
}

enum status question_make(struct question *q, const struct choice_form *f, const cJSON *record, const char *name,
                          struct error *err)
{
    cJSON *choices = NULL;
    const cJSON *choice;
    *q = (struct question){0};
    enum status status = list_of(&choices, f->choices, record, name, err);
    size_t n = (size_t)cJSON_GetArraySize(choices), i = 0;
    if (status == OK && n < 2)
        status = error_set(err, ERR_INPUT, "%s: has %zu choices, expected two or more", name, n);
    if (status == OK && f->contexts != NULL && (size_t)cJSON_GetArraySize(f->contexts) != n)
        status = error_set(err, ERR_INPUT, "%s: has %zu choices and %d contexts, expected as many", f->file.path, n,
                           cJSON_GetArraySize(f->contexts));
    q->context = calloc(n ? n : 1, sizeof *q->context);
    q->continuation = calloc(n ? n : 1, sizeof *q->continuation);
    if (status == OK && (q->context == NULL || q->continuation == NULL))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    q->n = status == OK ? n : 0;
    cJSON_ArrayForEach(choice, choices)
    {
        const cJSON *context = f->contexts ? cJSON_GetArrayItem(f->contexts, (int)i) : NULL;
        if (status == OK && !cJSON_IsString(choice))
            status = error_set(err, ERR_INPUT, "%s: choice %zu is no text, expected text", name, i);
        if (status == OK)
            status = template_expand(&q->context[i], context ? cJSON_GetStringValue(context) : f->context, record, name, err);
        if (status == OK && !text_puts(&q->continuation[i], choice->valuestring))
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", name);
        if (status == OK && f->filters != NULL)
            status = template_filter(&q->context[i], f->filters, name, err);
        if (status == OK && f->filters != NULL)
            status = template_filter(&q->continuation[i], f->filters, name, err);
        i++;
    }
    if (status == OK)
        status = find_target(q, f, record, name, err);
    cJSON_Delete(choices);
    if (status != OK)
        question_free(q);
    return status;
}

void question_free(struct question *q)
{
    for (size_t i = 0; i < q->n; i++) {
        text_free(&q->context[i]);
        text_free(&q->continuation[i]);
    }
    free(q->context);
    free(q->continuation);
    free(q->right);
    *q = (struct question){0};
}

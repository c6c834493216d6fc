/* served.c - see served.h. */
#include "serve/served.h"

#include <stdlib.h>
#include <string.h>

static enum status load(struct served *s, const char *folder, struct error *err)
{
    enum status status = model_load(&s->model, folder, err);
    if (status == OK)
        status = tokenizer_load(&s->tokenizer, folder, err);
    if (status == OK)
        status = tokenizer_fits(s->tokenizer, s->model.config.vocab_size, folder, err);
    struct error why;
    if (status == OK && chat_template_load(&s->chat, folder, &why) != OK)
        s->no_chat = strdup(why.message);
    return status;
}

enum status served_add(struct served_list *list, const char *text, size_t context, enum compute compute, struct error *err)
{
    const char *equals = strchr(text, '='), *folder = equals ? equals + 1 : text, *end = folder + strlen(folder);
    if (equals == text || *folder == '\0')
        return error_set(err, ERR_USAGE, "--model: '%s' is wrong, expected NAME=DIR", text);
    while (end > folder + 1 && end[-1] == '/')
        end--;
    const char *base = end;
    while (base > folder && base[-1] != '/')
        base--;
    char *name = equals ? strndup(text, (size_t)(equals - text)) : strndup(base, (size_t)(end - base));
    if (list->n > 0 && served_find(list, name) != NULL) {
        enum status status = error_set(err, ERR_USAGE, "--model: '%s' is given twice, expected another NAME=", name);
        free(name);
        return status;
    }
    list->model = realloc(list->model, (list->n + 1) * sizeof *list->model);
    struct served *s = &list->model[list->n++];
    *s = (struct served){.name = name};
    enum status status = load(s, folder, err);
    s->model.compute = compute;
    s->context = context > 0 && context < s->model.config.context ? context : s->model.config.context;
    return status;
}

void served_free(struct served_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->model[i].name);
        free(list->model[i].no_chat);
        chat_template_free(list->model[i].chat);
        tokenizer_free(list->model[i].tokenizer);
        if (list->model[i].model.folder != NULL)
            model_free(&list->model[i].model);
    }
    free(list->model);
    *list = (struct served_list){0};
}

const struct served *served_find(const struct served_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (name == NULL || strcmp(list->model[i].name, name) == 0)
            return &list->model[i];
    return NULL;
}

void served_piece(const struct served *s, int32_t id, bool special, struct text *out)
{
    /* Something stands before it, so that a tokenizer that drops the first blank of a text keeps this one. */
    struct text piece = {0};
    text_puts(&piece, ".");
    if (tokenizer_decode(s->tokenizer, &id, 1, special, &piece, NULL) == OK)
        text_add(out, piece.data + 1, piece.len - 1);
    text_free(&piece);
}

/* prompt.c - see prompt.h. */
#include "suite/prompt.h"

#include <ctype.h>
#include <string.h>

int32_t prompt_bos(const struct experiment *e, const struct subject *s)
{
    if (e->common.bos == BOS_NEVER || (e->common.chat && e->common.bos == BOS_AUTO)) /* a chat template has it in its text */
        return -1;
    int32_t own = tokenizer_bos(s->tokenizer);
    return own < 0 && e->common.bos == BOS_ALWAYS ? s->model.config.bos : own;
}

/* Where a text without the blank space around it begins and ends. */
static void trim(const char *text, size_t length, size_t *from, size_t *to)
{
    for (*from = 0; *from < length && isspace((unsigned char)text[*from]);)
        ++*from;
    for (*to = length; *to > *from && isspace((unsigned char)text[*to - 1]);)
        --*to;
}

enum status prompt_chat(const struct experiment *e, const struct subject *s, struct text *text, ptrdiff_t *at, struct error *err)
{
    struct text out = {0};
    size_t from, to;
    *at = 0;
    if (s->chat == NULL)
        return OK;
    cJSON *messages = chat_messages(e->common.system, text->data ? text->data : "");
    enum status status = chat_template_render(s->chat, &(struct chat_request){.messages = messages, .reply = true}, &out, err);
    cJSON_Delete(messages);
    if (status == OK) {
        trim(text->data ? text->data : "", text->len, &from, &to); /* as many templates do */
        const char *found = out.data && to > from ? memmem(out.data, out.len, text->data + from, to - from) : NULL;
        if (found == NULL)
            status = error_set(err, ERR_INPUT,
                               "%s: its chat template does not hold what the user says, expected the whole message", s->name);
        else
            *at = found - out.data - (ptrdiff_t)from;
    }
    if (status == OK) {
        text->len = 0;
        text_add(text, out.data, out.len);
    }
    text_free(&out);
    return status;
}

enum status prompt_encode(const struct experiment *e, const struct subject *s, const char *text, size_t length, struct ids *out,
                          struct error *err)
{
    int32_t bos = prompt_bos(e, s);
    size_t from = out->n;
    if (bos >= 0 && !ids_add(out, bos))
        return error_set(err, ERR_SYSTEM, "prompt: out of memory");
    enum status status = tokenizer_encode(s->tokenizer, text, length, false, out, err);
    if (status == OK && bos >= 0 && out->n > from + 1 && out->data[from + 1] == bos) { /* the text brings one */
        for (size_t i = from + 1; i + 1 < out->n; i++)
            out->data[i] = out->data[i + 1];
        out->n--;
    }
    return status;
}

enum status prompt_boundary(const struct experiment *e, const struct subject *s, const char *text, size_t at,
                            const struct ids *whole, size_t *tokens, struct error *err)
{
    struct ids part = {0};
    enum status status = prompt_encode(e, s, text, at, &part, err);
    *tokens = 0;
    while (*tokens < part.n && *tokens < whole->n && part.data[*tokens] == whole->data[*tokens])
        ++*tokens;
    ids_free(&part);
    return status;
}

void prompt_tell(cJSON *to, const char *text, size_t from, size_t end)
{
    const double span[] = {(double)from, (double)end};
    cJSON *marks = cJSON_AddArrayToObject(to, "marks");
    cJSON_AddStringToObject(to, "text", text ? text : "");
    if (from < end)
        cJSON_AddItemToArray(marks, cJSON_CreateDoubleArray(span, 2));
}

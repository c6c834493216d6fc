/* hallucination_prompt.c - see hallucination_prompt.h. */
#include "tasks/hallucination_prompt.h"

#include "suite/template.h"

#include <stdlib.h>
#include <string.h>

void text_unescape(struct text *out, const char *text)
{
    text_puts(out, "");
    for (const char *p = text; *p != '\0'; p++) {
        bool line = p[0] == '\\' && p[1] == 'n';
        text_add(out, line ? "\n" : p, 1);
        p += line;
    }
}

/* The document without some of its middle, or of its end, `keep` bytes in all at most; whole characters stay. */
static char *cut_document(const char *document, size_t keep, enum cut cut)
{
    size_t n = strlen(document), head = cut == CUT_MIDDLE ? keep / 2 : keep, tail = cut == CUT_MIDDLE ? keep - head : 0;
    struct text out = {0};
    while (head > 0 && ((unsigned char)document[head] & 0xc0) == 0x80)
        head--;
    size_t from = n - tail;
    while (from < n && ((unsigned char)document[from] & 0xc0) == 0x80)
        from++;
    return text_add(&out, document, head) && text_add(&out, document + from, n - from) ? out.data : NULL;
}

enum status document_prompt_write(struct text *text, struct ids *ids, const struct document_prompt *p, const struct experiment *e,
                                  const struct subject *subject, struct error *err)
{
    struct text template = {0};
    cJSON *copy = cJSON_Duplicate(p->record, true);
    text_unescape(&template, p->template);
    enum status status = OK;
    for (;;) {
        text->len = ids->n = 0;
        status = template_expand(text, template.data, copy, p->name, err);
        ptrdiff_t moved;
        if (status == OK)
            status = prompt_chat(e, subject, text, &moved, err);
        if (status == OK)
            status = prompt_encode(e, subject, text->data, text->len, ids, err);
        const char *document = json_text(copy, "document");
        size_t n = document ? strlen(document) : 0;
        if (status != OK || ids->n <= p->room)
            break;
        if (n == 0) {
            status =
                error_set(err, ERR_USAGE, "--length: %zu tokens do not hold the prompt of %s, expected more", p->room, p->name);
            break;
        }
        /* as much less as the tokens are too many, and a little more */
        size_t keep = (size_t)((double)n * (double)p->room / (double)ids->n * 0.98);
        char *shorter = cut_document(document, keep < n ? keep : n - 1, p->cut);
        if (shorter == NULL) {
            status = error_set(err, ERR_SYSTEM, "hallucination: out of memory");
            break;
        }
        cJSON_ReplaceItemInObjectCaseSensitive(copy, "document", cJSON_CreateString(shorter));
        free(shorter);
    }
    text_free(&template);
    cJSON_Delete(copy);
    return status;
}

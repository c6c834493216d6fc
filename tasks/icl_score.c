/* icl_score.c - see icl_score.h. */
#include "tasks/icl_score.h"

#include <stdlib.h>
#include <string.h>

enum status icl_trie(struct label_trie *trie, const struct labelled *train, const struct icl_form *form,
                     const struct tokenizer *t, struct error *err)
{
    struct ids before = {0}, *sequences = calloc(train->n_labels, sizeof *sequences);
    struct text prompt = {0};
    enum status status = sequences && icl_form_write(&prompt, form, "text", NULL)
                             ? tokenizer_encode(t, prompt.data, prompt.len, false, &before, err)
                             : error_set(err, ERR_SYSTEM, "icl: out of memory");
    for (size_t i = 0; i < train->n_labels && status == OK; i++) {
        struct text text = {0};
        struct ids whole = {0};
        text_printf(&text, "%s%s%s\n", prompt.data, icl_form_gap(form), train->labels[i]);
        status = tokenizer_encode(t, text.data, text.len, false, &whole, err);
        if (status == OK && (whole.n < before.n || memcmp(whole.data, before.data, before.n * sizeof(int32_t)) != 0))
            status =
                error_set(err, ERR_INPUT, "label '%.60s': melts into what stands before it with this tokenizer, expected a break",
                          train->labels[i]);
        for (size_t k = before.n; k < whole.n && status == OK; k++)
            if (!ids_add(&sequences[i], whole.data[k]))
                status = error_set(err, ERR_SYSTEM, "icl: out of memory");
        ids_free(&whole);
        text_free(&text);
    }
    ids_free(&before);
    text_free(&prompt);
    if (status != OK) {
        for (size_t i = 0; sequences != NULL && i < train->n_labels; i++)
            ids_free(&sequences[i]);
        free(sequences);
        return status;
    }
    return label_trie_init(trie, sequences, train->n_labels, "labels", err);
}

enum status shown_write(struct shown *d, const struct labelled *train, size_t shots, enum arrangement arrangement, size_t number,
                        struct error *err)
{
    size_t *order = mem_array(shots + 1, sizeof *order);
    bool ok = order && icl_order(order, train, shots, arrangement, number, d->e->seed) &&
              icl_demonstrations(&d->text, train, d->form, order, shots);
    free(order);
    return ok ? OK : error_set(err, ERR_SYSTEM, "icl: out of memory");
}

enum status shown_run(struct shown *d, struct session *session, struct error *err)
{
    enum status status = prompt_encode(d->e, d->subject, d->text.data, d->text.len, &d->ids, err);
    if (status == OK && d->ids.n > 0)
        status = session_run(session, d->ids.data, d->ids.n, NULL, NULL, err);
    d->valid = d->ids.n;
    return status;
}

void shown_free(struct shown *d)
{
    text_free(&d->text);
    ids_free(&d->ids);
}

enum status icl_classify(size_t *label, struct shown *d, const char *test, const struct label_trie *trie, bool total,
                         struct session *session, float *logits, struct error *err)
{
    struct ids ids = {0};
    size_t length = d->text.len, common = 0;
    enum status status = icl_form_write(&d->text, d->form, test, NULL)
                             ? prompt_encode(d->e, d->subject, d->text.data, d->text.len, &ids, err)
                             : error_set(err, ERR_SYSTEM, "icl: out of memory");
    d->text.len = length;
    while (common < d->valid && common + 1 < ids.n && ids.data[common] == d->ids.data[common])
        common++;
    d->valid = common;
    session_rewind(session, common);
    if (status == OK)
        status = session_run(session, ids.data + common, ids.n - common, NULL, logits, err);
    if (status == OK)
        status = total ? constrained_total(session, trie, logits, label, NULL, err)
                       : constrained_greedy(session, trie, logits, label, err);
    ids_free(&ids);
    return status;
}

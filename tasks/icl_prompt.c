/* icl_prompt.c - see icl_prompt.h. */
#include "tasks/icl_prompt.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum status read_record(struct labelled *l, const struct dataset *d, const struct icl_form *form, size_t i, char **label,
                               struct error *err)
{
    char buffer[32];
    const char *value;
    enum status status = dataset_text(d, i, "label", buffer, &value, err);
    if (status == OK && (*label = icl_form_say(form, value)) == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", d->path);
    if (status == OK)
        status = dataset_text(d, i, "text", buffer, &l->text[i], err);
    if (status == OK && (l->text[i] == buffer || (*label)[0] == '\0'))
        status = error_set(err, ERR_INPUT, "%s: record %zu: expected a text and a label that is not empty", d->path, i + 1);
    return status;
}

/* Different labels, sorted; takes those that `all` [n] holds. */
static enum status collect_labels(struct labelled *l, char **all, struct error *err)
{
    l->labels = calloc(l->n, sizeof *l->labels);
    char **sorted = calloc(l->n, sizeof *sorted);
    if (l->labels == NULL || sorted == NULL) {
        free(sorted);
        return error_set(err, ERR_SYSTEM, "labels: out of memory");
    }
    memcpy(sorted, all, l->n * sizeof *sorted);
    qsort(sorted, l->n, sizeof *sorted, by_text);
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
            l->labels[l->n_labels++] = strdup(sorted[i]);
    free(sorted);
    return OK;
}

enum status labelled_read(struct labelled *l, const struct dataset *d, const struct icl_form *form, const struct labelled *known,
                          struct error *err)
{
    *l = (struct labelled){.n = d->n};
    char **all = calloc(d->n, sizeof *all);
    l->text = calloc(d->n, sizeof *l->text);
    l->label = mem_array(d->n, sizeof *l->label);
    enum status status = all && l->text && l->label ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", d->path);
    for (size_t i = 0; i < d->n && status == OK; i++)
        status = read_record(l, d, form, i, &all[i], err);
    if (status == OK && known == NULL)
        status = collect_labels(l, all, err);
    const struct labelled *from = known ? known : l;
    for (size_t i = 0; i < d->n && status == OK; i++) {
        char **hit = bsearch(&all[i], from->labels, from->n_labels, sizeof *from->labels, by_text);
        if (hit == NULL)
            status =
                error_set(err, ERR_INPUT, "%s: record %zu: label '%.60s' is not among the demonstrations, expected one that is",
                          d->path, i + 1, all[i]);
        else
            l->label[i] = (size_t)(hit - from->labels);
    }
    for (size_t i = 0; all != NULL && i < d->n; i++)
        free(all[i]);
    free(all);
    if (status != OK)
        labelled_free(l);
    return status;
}

void labelled_free(struct labelled *l)
{
    for (size_t i = 0; l->labels != NULL && i < l->n_labels; i++)
        free(l->labels[i]);
    free(l->labels);
    free(l->text);
    free(l->label);
    *l = (struct labelled){0};
}

/* Classes in turn: pass after pass over a random order of the classes, each giving its next demonstration. */
static bool alternate(size_t *order, const struct labelled *train, size_t shots, struct rng *rng)
{
    size_t *classes = mem_array(train->n_labels, sizeof *classes), *out = mem_array(shots, sizeof *out), n = 0;
    bool *used = mem_array(shots, sizeof *used);
    bool ok = classes != NULL && out != NULL && used != NULL;
    if (ok)
        rng_permutation(rng, classes, train->n_labels);
    while (ok && n < shots)
        for (size_t c = 0; c < train->n_labels && n < shots; c++)
            for (size_t i = 0; i < shots; i++)
                if (!used[i] && train->label[order[i]] == classes[c]) {
                    used[i] = true;
                    out[n++] = order[i];
                    break;
                }
    if (ok)
        memcpy(order, out, shots * sizeof *order);
    free(classes);
    free(out);
    free(used);
    return ok;
}

bool icl_order(size_t *order, const struct labelled *train, size_t shots, enum arrangement arrangement, size_t number,
               uint64_t seed)
{
    size_t *all = mem_array(train->n, sizeof *all), *again = mem_array(shots, sizeof *again);
    bool ok = all != NULL && again != NULL;
    struct rng rng = rng_stream(seed, "icl demonstrations", 0);
    if (ok) {
        rng_permutation(&rng, all, train->n);
        memcpy(order, all, shots * sizeof *order);
    }
    if (ok && number > 0) {
        rng = rng_stream(seed, "icl order", number);
        rng_permutation(&rng, again, shots);
        for (size_t i = 0; i < shots; i++)
            order[i] = all[again[i]];
    }
    if (ok && arrangement == ARRANGE_ALTERNATE) {
        rng = rng_stream(seed, "icl classes", number);
        ok = alternate(order, train, shots, &rng);
    }
    free(all);
    free(again);
    return ok;
}

bool icl_demonstrations(struct text *out, const struct labelled *train, const struct icl_form *form, const size_t *order,
                        size_t shots)
{
    bool ok = text_puts(out, "");
    for (size_t i = 0; i < shots && ok; i++)
        ok = icl_form_write(out, form, train->text[order[i]], train->labels[train->label[order[i]]]) &&
             text_puts(out, form->joiner);
    return ok;
}

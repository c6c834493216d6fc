/* questions.c - see questions.h. */
#include "suite/questions.h"

#include <stdio.h>
#include <stdlib.h>

/* A stream of random numbers of the task's own. */
static struct rng stream(const struct experiment *e, const char *what, size_t index)
{
    char name[64];
    snprintf(name, sizeof name, "%s %s", e->task->name, what);
    return rng_stream(e->seed, name, index);
}

/* Fewer than all: a sample that the seed draws, in the order of the file. */
static void choose_records(struct questions *q, const struct experiment *e, size_t samples)
{
    struct rng rng = stream(e, "questions", 0);
    q->record = calloc(q->data.n + 1, sizeof *q->record);
    for (size_t i = 0, wanted = samples < q->data.n ? samples : q->data.n; i < q->data.n && q->n < wanted; i++)
        if (rng_below(&rng, q->data.n - i) < wanted - q->n)
            q->record[q->n++] = i;
}

enum status questions_load(struct questions *q, struct experiment *e, const struct question_files *f, size_t samples,
                           struct error *err)
{
    *q = (struct questions){0};
    if (f->data == NULL && f->form_data == NULL)
        return error_set(err, ERR_USAGE, "--data: is missing, expected the records of %s as JSON lines", f->name);
    char *path = experiment_data_path(f->data, f->form_data), *train = NULL;
    enum status status = dataset_load(&q->data, path, f->fields, err);
    if (status == OK)
        experiment_add_data(e, f->name, f->data ? f->data : f->form_data, q->data.sha256, q->data.n, f->licence);
    if (status == OK && (f->train != NULL || f->form_train != NULL)) {
        train = experiment_data_path(f->train, f->form_train);
        status = dataset_load(&q->train, train, f->fields, err);
    }
    if (status == OK && q->train.n > 0)
        experiment_add_data(e, "train", f->train ? f->train : f->form_train, q->train.sha256, q->train.n, NULL);
    free(path);
    free(train);
    if (status == OK)
        choose_records(q, e, samples);
    return status;
}

void questions_free(struct questions *q)
{
    dataset_free(&q->data);
    dataset_free(&q->train);
    free(q->record);
    *q = (struct questions){0};
}

const struct dataset *questions_examples(const struct questions *q)
{
    return q->train.n ? &q->train : &q->data;
}

static bool is_example(const struct questions *q, size_t example, size_t record)
{
    const struct dataset *d = questions_examples(q);
    return d == &q->data ? example != record : !cJSON_Compare(d->record[example], q->data.record[record], true);
}

size_t *questions_draw(const struct questions *q, const struct experiment *e, size_t record, size_t shots, size_t *n)
{
    size_t all = questions_examples(q)->n, *order = calloc(all + 1, sizeof *order);
    struct rng rng = stream(e, "shots", record);
    *n = 0;
    if (shots > 0)
        rng_permutation(&rng, order, all);
    for (size_t i = 0; i < all && *n < shots; i++)
        if (is_example(q, order[i], record))
            order[(*n)++] = order[i];
    return order;
}

/* The most examples that every question can have. */
static size_t most_shots(const struct questions *q)
{
    const struct dataset *d = questions_examples(q);
    size_t same = 0;
    for (size_t i = 0; d != &q->data && i < q->n && same == 0; i++)
        for (size_t k = 0; k < d->n && same == 0; k++)
            same = !is_example(q, k, q->record[i]);
    return d->n - (d == &q->data ? 1 : same);
}

void questions_note_shots(const struct questions *q, struct experiment *e, const char *name, const struct sizes *shots)
{
    for (size_t k = 0; k < shots->n; k++) {
        size_t most = shots->data[k] ? most_shots(q) : 0;
        if (shots->data[k] > most)
            experiment_note(e, "%s: shots %zu: there are %zu worked examples, each question has those", name, shots->data[k],
                            most);
    }
}

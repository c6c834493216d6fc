/* needle_attention.c - see needle_attention.h. */
#include "tasks/needle_attention.h"

#include <math.h>
#include <stdlib.h>

const char *const ATTENTION_PARTS[N_ATTENTION_PARTS + 1] = {"first", "before", "answer", "after", "question", NULL};

/* Sums of one layer for one asked needle. */
struct sums {
    double number[N_ATTENTION_PARTS]; /* signed, over the heads, of the row that predicts the number */
    double rows[N_ATTENTION_PARTS];   /* signed, over the heads and the rows of the whole answer */
    double answer, noise;             /* absolute shares of the number's row, over the heads */
    double n_heads;                   /* of the number's row */
};

struct watch {
    const struct needle_prompt *p;
    const struct needle_reference *reference;
    struct sums *sums; /* [n_layers, n_asked] */
};

/* The parts of the prompt for one asked needle: the others belong to the context. */
static void spans_of(struct span spans[N_ATTENTION_PARTS + 1], const struct needle_prompt *p, size_t asked, size_t end)
{
    size_t from = p->context.from > 1 ? p->context.from : 1;
    struct span needle = p->asked[asked];
    needle.from = needle.from > 1 ? needle.from : 1; /* the first token counts as such even where a needle begins with it */
    spans[PART_FIRST] = (struct span){0, 1};
    spans[PART_BEFORE] = (struct span){from, needle.from};
    spans[PART_ANSWER] = needle;
    spans[PART_AFTER] = (struct span){needle.to, p->context.to};
    spans[PART_QUESTION] = (struct span){p->context.to, end};
    spans[N_ATTENTION_PARTS] = (struct span){1, from}; /* what the template has before the context: with the question */
}

static double sum_over(const float *row, struct span s, bool absolute)
{
    double sum = 0;
    for (size_t i = s.from; i < s.to; i++)
        sum += absolute ? fabs((double)row[i]) : (double)row[i];
    return sum;
}

static void add_row(struct sums *to, const struct needle_prompt *p, size_t asked, const float *row, size_t end, bool number)
{
    struct span spans[N_ATTENTION_PARTS + 1];
    double absolute[N_ATTENTION_PARTS + 1], total = 0;
    spans_of(spans, p, asked, end);
    for (size_t k = 0; k <= N_ATTENTION_PARTS; k++) {
        size_t part = k < N_ATTENTION_PARTS ? k : PART_QUESTION;
        double sum = sum_over(row, spans[k], false);
        to->rows[part] += sum;
        to->number[part] += number ? sum : 0;
        absolute[k] = sum_over(row, spans[k], true);
        total += absolute[k];
    }
    if (number && total > 0) {
        to->answer += absolute[PART_ANSWER] / total;
        to->noise += (absolute[PART_BEFORE] + absolute[PART_AFTER]) / total;
    }
    to->n_heads += number;
}

/* The asked needle whose sentence the row predicts a token of; n_asked when there is none. */
static size_t sentence_of(const struct watch *w, size_t position)
{
    size_t i = 0;
    while (i < w->p->n_asked && !(position + 1 >= w->reference->rows[i].from && position + 1 < w->reference->rows[i].to))
        i++;
    return i;
}

static bool wants_row(void *context, size_t layer, size_t position)
{
    const struct watch *w = context;
    (void)layer;
    return w->reference ? sentence_of(w, position) < w->p->n_asked : position + 1 == w->p->ids.n;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct watch *w = context;
    struct sums *sums = w->sums + layer * w->p->n_asked;
    (void)head;
    if (w->reference != NULL) {
        size_t i = sentence_of(w, position);
        add_row(&sums[i], w->p, i, row, position + 1, position + 1 == w->reference->number[i]);
        return;
    }
    for (size_t i = 0; i < w->p->n_asked; i++)
        add_row(&sums[i], w->p, i, row, position + 1, true);
}

static void divide(double out[N_ATTENTION_PARTS], const double in[N_ATTENTION_PARTS], double weight)
{
    double total = 0;
    for (size_t k = 0; k < N_ATTENTION_PARTS; k++)
        total += in[k];
    for (size_t k = 0; k < N_ATTENTION_PARTS; k++)
        out[k] += total != 0 ? weight * in[k] / total : 0;
}

/* Layers from .. to - 1 of every asked needle. */
static void add_shares(cJSON *to, const struct watch *w, size_t from, size_t until)
{
    double number[N_ATTENTION_PARTS] = {0}, rows[N_ATTENTION_PARTS] = {0}, answer = 0, noise = 0;
    double weight = 1 / (double)w->p->n_asked;
    for (size_t i = 0; i < w->p->n_asked; i++) {
        struct sums all = {0};
        for (size_t l = from; l < until; l++) {
            const struct sums *s = &w->sums[l * w->p->n_asked + i];
            for (size_t k = 0; k < N_ATTENTION_PARTS; k++) {
                all.number[k] += s->number[k];
                all.rows[k] += s->rows[k];
            }
            all.answer += s->answer;
            all.noise += s->noise;
            all.n_heads += s->n_heads;
        }
        divide(number, all.number, weight);
        divide(rows, all.rows, weight);
        answer += all.n_heads > 0 ? weight * all.answer / all.n_heads : 0;
        noise += all.n_heads > 0 ? weight * all.noise / all.n_heads : 0;
    }
    for (size_t k = 0; k < N_ATTENTION_PARTS; k++)
        json_add_number(to, ATTENTION_PARTS[k], number[k]);
    json_add_number(to, "noise", number[PART_BEFORE] + number[PART_AFTER]);
    json_add_number(to, "abs_answer", answer);
    json_add_number(to, "abs_noise", noise);
    json_add_number(to, "rows_answer", rows[PART_ANSWER]);
    json_add_number(to, "rows_noise", rows[PART_BEFORE] + rows[PART_AFTER]);
}

enum status needle_attention(cJSON *evidence, const struct needle_prompt *p, const struct needle_reference *reference,
                             struct session *session, struct error *err)
{
    const struct ids *ids = reference ? &reference->ids : &p->ids;
    size_t n_layers = session->model->config.n_layers, from = reference ? reference->common : p->ids.n;
    struct watch w = {.p = p, .reference = reference, .sums = mem_array(n_layers * p->n_asked, sizeof *w.sums)};
    struct probe probe = {.context = &w, .wants_row = wants_row, .on_row = on_row};
    if (w.sums == NULL)
        return error_set(err, ERR_SYSTEM, "needle: out of memory");
    from = from < p->ids.n - 1 ? from : p->ids.n - 1; /* the row of the last prompt token is wanted */
    session_rewind(session, from);
    enum status status = session_run(session, ids->data + from, ids->n - from, &probe, NULL, err);
    if (status == OK) {
        cJSON *attention = cJSON_AddObjectToObject(evidence, "attention"), *layers = cJSON_CreateArray();
        add_shares(attention, &w, 0, n_layers);
        for (size_t l = 0; l < n_layers; l++) {
            cJSON *layer = cJSON_CreateObject();
            add_shares(layer, &w, l, l + 1);
            cJSON_AddItemToArray(layers, layer);
        }
        cJSON_AddItemToObject(attention, "layers", layers);
    }
    free(w.sums);
    return status;
}

/* choice_score.c - see choice_score.h. */
#include "tasks/choice_score.h"

#include "base/utf8.h"
#include "lm/score.h"

#include <stdlib.h>
#include <string.h>

enum status scored_pair_make(struct scored_pair *p, const struct experiment *e, const struct subject *subject,
                             const char *context, const char *delimiter, const char *continuation, struct error *err)
{
    struct text whole = {0};
    struct ids alone = {0};
    size_t kept = utf8_rstrip(context, strlen(context));
    int32_t start = subject->model.config.bos;
    *p = (struct scored_pair){0};
    enum status status = text_printf(&whole, "%s%s%s", context, delimiter, continuation)
                             ? OK
                             : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK && kept > 0)
        status = prompt_encode(e, subject, context, kept, &alone, err);
    if (status == OK && alone.n == 0 && !ids_add(&alone, start < 0 ? 0 : start))
        status = error_set(err, ERR_SYSTEM, "choice: out of memory");
    p->n_context = alone.n;
    if (status == OK && kept > 0)
        status = prompt_encode(e, subject, whole.data, whole.len, &p->ids, err);
    if (status == OK && p->ids.n <= alone.n) { /* none of the choice's own are left, or there is no context */
        ids_free(&p->ids);
        p->ids = alone;
        alone = (struct ids){0};
        status = tokenizer_encode(subject->tokenizer, whole.data + kept, whole.len - kept, false, &p->ids, err);
    }
    if (status == OK && p->ids.n <= p->n_context)
        status = error_set(err, ERR_INPUT, "choice '%.60s': has no tokens of its own, expected text", continuation);
    text_free(&whole);
    ids_free(&alone);
    if (status != OK)
        scored_pair_free(p);
    return status;
}

void scored_pair_free(struct scored_pair *p)
{
    ids_free(&p->ids);
}

/* Log-probability of the continuation; `held` are the tokens that the session has run, whose common beginning is used again. */
static enum status pair_log_p(double *log_p, struct scored_pair *p, struct session *s, struct ids *held, struct error *err)
{
    size_t limit = s->model->config.context < s->capacity ? s->model->config.context : s->capacity, common = 0;
    size_t cut = p->ids.n > limit + 1 ? p->ids.n - limit - 1 : 0; /* the last token is not read */
    cut = cut < p->n_context - 1 ? cut : p->n_context - 1;
    const int32_t *ids = p->ids.data + cut;
    size_t n = p->ids.n - cut, context = p->n_context - cut - 1; /* tokens before the last of the context */
    size_t before = s->logit_tensor ? 0 : context;               /* what is rounded as one passes at once */
    double *nll = mem_array(n - before, sizeof *nll);
    while (common < before && common < held->n && ids[common] == held->data[common])
        common++;
    session_rewind(s, common);
    held->n = common;
    enum status status = nll ? OK : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK && before > common)
        status = session_run(s, ids + common, before - common, NULL, NULL, err);
    for (size_t i = common; i < before && status == OK; i++)
        if (!ids_add(held, ids[i]))
            status = error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK)
        status = score_tokens(s, ids + before, n - before, nll, err);
    *log_p = 0;
    for (size_t i = context - before; i + 1 < n - before && status == OK; i++)
        *log_p -= nll[i];
    free(nll);
    return status;
}

static enum status make_pair(struct scored_pair *pair, const struct experiment *e, const struct subject *subject,
                             const struct question *q, const struct choice_form *form, const char *prefix, size_t i,
                             struct error *err)
{
    struct text context = {0};
    enum status status = text_printf(&context, "%s%s", prefix, q->context[i].data)
                             ? scored_pair_make(pair, e, subject, context.data, form->delimiter, q->continuation[i].data, err)
                             : error_set(err, ERR_SYSTEM, "choice: out of memory");
    text_free(&context);
    return status;
}

size_t question_tokens(const struct experiment *e, const struct question *q, const struct choice_form *form, const char *prefix)
{
    size_t most = 0;
    for (size_t m = 0; m < e->n_subjects; m++)
        for (size_t i = 0; i < q->n; i++) {
            struct scored_pair pair = {0};
            if (make_pair(&pair, e, &e->subjects[m], q, form, prefix, i, NULL) != OK)
                continue; /* said when it is scored */
            most = pair.ids.n - 1 > most ? pair.ids.n - 1 : most;
            scored_pair_free(&pair);
        }
    return most;
}

/* Which choice has the largest log-probability divided by its length. */
static size_t best_choice(const double *log_p, const double *length, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (log_p[i] / length[i] > log_p[best] / length[best])
            best = i;
    return best;
}

enum { SUM, CHARACTERS, BYTES, N_MEASURES };
static const char *const MEASURES[N_MEASURES] = {"acc", "acc_norm", "acc_bytes"};

static void add_score(cJSON *result, const struct question *q, const struct choice_form *form, const double *log_p,
                      double *length)
{
    static const char *const lengths[N_MEASURES] = {NULL, "characters", "bytes"};
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence"), *values = cJSON_AddArrayToObject(evidence, "log_p");
    size_t chosen[N_MEASURES], headline = SUM;
    for (size_t i = 0; i < q->n; i++)
        cJSON_AddItemToArray(values, json_number(log_p[i]));
    for (size_t k = 0; k < N_MEASURES; k++) {
        cJSON *list = lengths[k] ? cJSON_AddArrayToObject(evidence, lengths[k]) : NULL;
        for (size_t i = 0; i < q->n; i++) {
            const struct text *t = &q->continuation[i];
            size_t n = k == SUM ? 1 : k == BYTES ? t->len : utf8_count(t->data, t->len);
            length[i] = n ? (double)n : 1;
            if (list != NULL)
                cJSON_AddItemToArray(list, json_number((double)n));
        }
        chosen[k] = best_choice(log_p, length, q->n);
        headline = strcmp(form->headline, MEASURES[k]) == 0 ? k : headline;
    }
    json_add_number(evidence, "chosen", (double)chosen[SUM]);
    json_add_number(evidence, "chosen_norm", (double)chosen[CHARACTERS]);
    json_add_number(evidence, "target", (double)q->target);
    for (size_t k = 0; k < N_MEASURES; k++)
        json_add_number(evidence, MEASURES[k], q->right[chosen[k]]);
    json_add_number(result, "score", q->right[chosen[headline]]);
    cJSON_AddStringToObject(result, "output", q->continuation[chosen[headline]].data);
}

enum status question_score(cJSON *result, const struct experiment *e, const struct subject *subject, const struct question *q,
                           const struct choice_form *form, const char *prefix, struct session *session, struct error *err)
{
    double *log_p = mem_array(2 * q->n, sizeof *log_p);
    struct ids held = {0};
    enum status status = log_p ? OK : error_set(err, ERR_SYSTEM, "choice: out of memory");
    for (size_t i = 0; i < q->n && status == OK; i++) {
        struct scored_pair pair = {0};
        status = make_pair(&pair, e, subject, q, form, prefix, i, err);
        if (status == OK)
            status = pair_log_p(&log_p[i], &pair, session, &held, err);
        scored_pair_free(&pair);
    }
    if (status == OK)
        add_score(result, q, form, log_p, log_p + q->n);
    ids_free(&held);
    free(log_p);
    return status;
}

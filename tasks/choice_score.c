/* choice_score.c - see choice_score.h. */
#include "tasks/choice_score.h"

#include "lm/score.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status scored_pair_make(struct scored_pair *p, const struct tokenizer *tokenizer, const char *context, const char *delimiter,
                             const char *continuation, int32_t start_token, struct error *err)
{
    struct text whole = {0};
    struct ids alone = {0};
    size_t kept = strlen(context);
    *p = (struct scored_pair){0};
    while (kept > 0 && isspace((unsigned char)context[kept - 1]))
        kept--;
    enum status status = text_printf(&whole, "%s%s%s", context, delimiter, continuation)
                             ? OK
                             : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK)
        status = tokenizer_encode(tokenizer, context, kept, false, &alone, err);
    if (status == OK && alone.n == 0 && !ids_add(&p->ids, start_token < 0 ? 0 : start_token))
        status = error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK)
        status = tokenizer_encode(tokenizer, whole.data, whole.len, false, &p->ids, err);
    p->n_context = alone.n ? alone.n : 1;
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
    size_t cut = p->ids.n > limit ? p->ids.n - limit : 0;
    cut = cut < p->n_context - 1 ? cut : p->n_context - 1;
    const int32_t *ids = p->ids.data + cut;
    size_t n = p->ids.n - cut, before = p->n_context - cut - 1; /* tokens before the last of the context */
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
    for (size_t i = 0; i + 1 < n - before && status == OK; i++)
        *log_p -= nll[i];
    free(nll);
    return status;
}

static enum status score_all(double *log_p, const struct question *q, const char *prefix, const char *delimiter,
                             const struct tokenizer *tokenizer, struct session *session, struct error *err)
{
    struct ids held = {0};
    enum status status = OK;
    for (size_t i = 0; i < q->n && status == OK; i++) {
        struct scored_pair pair = {0};
        struct text context = {0};
        text_printf(&context, "%s%s", prefix, q->context[i].data);
        status = context.data ? scored_pair_make(&pair, tokenizer, context.data, delimiter, q->continuation[i].data,
                                                 session->model->config.bos, err)
                              : error_set(err, ERR_SYSTEM, "choice: out of memory");
        if (status == OK)
            status = pair_log_p(&log_p[i], &pair, session, &held, err);
        scored_pair_free(&pair);
        text_free(&context);
    }
    ids_free(&held);
    return status;
}

enum status question_score(cJSON *result, const struct question *q, const char *prefix, const char *delimiter,
                           const struct tokenizer *tokenizer, struct session *session, struct error *err)
{
    double *log_p = mem_array(q->n, sizeof *log_p);
    size_t chosen = 0, chosen_norm = 0;
    enum status status = log_p ? score_all(log_p, q, prefix, delimiter, tokenizer, session, err)
                               : error_set(err, ERR_SYSTEM, "choice: out of memory");
    if (status == OK) {
        cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
        cJSON *values = cJSON_AddArrayToObject(evidence, "log_p"), *bytes = cJSON_AddArrayToObject(evidence, "bytes");
        for (size_t i = 0; i < q->n; i++) {
            double length = q->continuation[i].len ? (double)q->continuation[i].len : 1;
            double best = q->continuation[chosen_norm].len ? (double)q->continuation[chosen_norm].len : 1;
            chosen = log_p[i] > log_p[chosen] ? i : chosen;
            chosen_norm = log_p[i] / length > log_p[chosen_norm] / best ? i : chosen_norm;
            cJSON_AddItemToArray(values, json_number(log_p[i]));
            cJSON_AddItemToArray(bytes, json_number((double)q->continuation[i].len));
        }
        json_add_number(evidence, "chosen", (double)chosen);
        json_add_number(evidence, "chosen_norm", (double)chosen_norm);
        json_add_number(evidence, "target", (double)q->target);
        json_add_number(evidence, "acc_norm", q->right[chosen_norm]);
        json_add_number(result, "score", q->right[chosen]);
        cJSON_AddStringToObject(result, "output", q->continuation[chosen].data);
    }
    free(log_p);
    return status;
}

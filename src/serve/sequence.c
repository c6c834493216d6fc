/* sequence.c - see sequence.h. */
#include "serve/sequence.h"

#include "base/utf8.h"
#include "lm/sample.h"

#include <stdlib.h>
#include <string.h>

const char *const FINISH_WORDS[] = {NULL, "stop", "length", NULL};

void sequence_init(struct sequence *q, const struct completion *c, size_t index)
{
    *q = (struct sequence){.asked = c, .prompt = &c->prompts[index / c->n], .index = index};
    q->rng = rng_stream(c->seed, "serve", index % c->n);
    for (size_t i = 0; i < q->prompt->ids.n; i++)
        ids_add(&q->ids, q->prompt->ids.data[i]);
    text_puts(&q->text, "");
    if (sequence_is_idle(q))
        q->finish = FINISH_LENGTH;
}

void sequence_free(struct sequence *q)
{
    sequence_end(q);
    ids_free(&q->ids);
    text_free(&q->text);
    free(q->predictions);
    watch_free(&q->watch);
}

static bool is_scored(const struct sequence *q)
{
    return q->asked->echo && q->asked->logprobs;
}

bool sequence_is_idle(const struct sequence *q)
{
    return q->asked->max_tokens == 0 && !is_scored(q) && !watch_request_any(&q->asked->watch);
}

static void fail(struct sequence *q)
{
    q->finish = FINISH_FAILED;
    sequence_end(q);
}

bool sequence_start(struct sequence *q, struct slots *slots)
{
    size_t capacity = q->ids.n + q->asked->max_tokens;
    const struct model *m = &q->asked->served->model;
    const struct watch_request *watch = &q->asked->watch;
    bool fresh = watch_request_any(watch);
    if (slots_take(slots, &q->slot, q->asked->served, &q->ids, capacity, is_scored(q), fresh, &q->error) != OK)
        fail(q);
    if (q->slot == NULL)
        return false;
    q->n_shared = q->slot->held.n;
    if (fresh && watch_init(&q->watch, watch, q->ids.n, m->config.n_layers, m->plan.n_heads, &q->error) != OK) {
        fail(q);
        return false;
    }
    q->probe = probes_combine(&q->watch.probes);
    return true;
}

const struct prediction *sequence_prediction(const struct sequence *q, size_t i)
{
    if (!q->asked->logprobs || i == 0 || (i < q->prompt->ids.n && !q->asked->echo))
        return NULL;
    return q->predictions != NULL ? &q->predictions[i] : q->slot != NULL ? &q->slot->predictions[i - 1] : NULL;
}

void sequence_end(struct sequence *q)
{
    if (q->slot != NULL)
        slots_give(q->slot);
    q->slot = NULL;
}

/* Is there a stop text in what the last piece has brought? It and all after it are cut off. */
static bool find_stop(struct sequence *q, size_t before)
{
    const char *first = NULL;
    for (size_t i = 0; i < q->asked->n_stop; i++) {
        size_t length = strlen(q->asked->stop[i]), from = before > length ? before - length : 0;
        const char *at = q->text.len >= from ? memmem(q->text.data + from, q->text.len - from, q->asked->stop[i], length) : NULL;
        if (at != NULL && (first == NULL || at < first))
            first = at;
    }
    if (first == NULL)
        return false;
    q->text.len = (size_t)(first - q->text.data);
    q->text.data[q->text.len] = '\0';
    return true;
}

size_t sequence_settled(const struct sequence *q)
{
    size_t settled = q->text.len;
    if (q->finish != FINISH_NONE)
        return settled;
    for (size_t i = 0; i < q->asked->n_stop; i++)
        for (size_t k = strlen(q->asked->stop[i]) - 1; k > 0; k--)
            if (k <= q->text.len && memcmp(q->text.data + q->text.len - k, q->asked->stop[i], k) == 0) {
                settled = q->text.len - k < settled ? q->text.len - k : settled;
                break;
            }
    for (size_t k = 1; k <= 3 && k <= settled; k++) { /* a character of which bytes are missing */
        unsigned char byte = (unsigned char)q->text.data[settled - k];
        if (byte < 0x80 || (byte >= 0xc0 && k >= (byte >= 0xf0 ? 4U : byte >= 0xe0 ? 3U : 2U)))
            break;
        if (byte >= 0xc0)
            return settled - k;
    }
    return settled;
}

/* The token after the last one that was run. */
static void add_token(struct sequence *q)
{
    const struct completion *c = q->asked;
    const struct model *m = &c->served->model;
    int32_t id = sample_token(q->slot->logits, m->config.vocab_size, c->temperature, c->top_p, &q->rng);
    size_t before = q->text.len;
    if (c->logprobs)
        slot_predict(q->slot, id);
    ids_add(&q->ids, id);
    if (config_is_end(&m->config, id)) {
        q->finish = FINISH_STOP;
        return;
    }
    served_piece(c->served, id, false, &q->text);
    if (find_stop(q, before))
        q->finish = FINISH_STOP;
    else if (q->ids.n - q->prompt->ids.n == c->max_tokens)
        q->finish = FINISH_LENGTH;
}

static void keep_predictions(struct sequence *q)
{
    if (!q->asked->logprobs)
        return;
    size_t first = is_scored(q) ? 1 : q->prompt->ids.n;
    q->predictions = mem_array(q->ids.n, sizeof *q->predictions);
    if (q->predictions == NULL) {
        error_write(&q->error, ERR_SYSTEM, "serve: out of memory for %zu tokens", q->ids.n);
        q->finish = FINISH_FAILED;
        return;
    }
    memcpy(q->predictions + first, q->slot->predictions + first - 1, (q->ids.n - first) * sizeof *q->predictions);
}

bool sequence_decodes(const struct sequence *q)
{
    return q->slot->held.n >= q->prompt->ids.n && q->watch.probes.n == 0;
}

void sequence_ran(struct sequence *q)
{
    if (q->asked->max_tokens > 0)
        add_token(q);
    else
        q->finish = FINISH_LENGTH;
    if (q->finish != FINISH_NONE)
        keep_predictions(q);
}

void sequence_step(struct sequence *q, int threads)
{
    struct slot *slot = q->slot;
    size_t at = slot->held.n, n_prompt = q->prompt->ids.n, end = slot_block_end(at);
    bool whole = q->asked->served->model.config.rope.scaling == ROPE_DYNAMIC; /* its angles depend on the length of the whole */
    if (at >= n_prompt)
        end = at + 1;
    else if (end > n_prompt || whole)
        end = n_prompt;
    if (slot_run(slot, end - at, is_scored(q) && at<n_prompt, q->watch.probes.n> 0 ? &q->probe : NULL, threads, &q->error) !=
        OK) {
        fail(q);
        return;
    }
    if (end >= n_prompt)
        sequence_ran(q);
}

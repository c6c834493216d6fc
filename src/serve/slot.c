/* slot.c - see slot.h. */
#include "serve/slot.h"

#include "serve/probes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FINE = ATTENTION_TILE, N_FINE = SESSION_BLOCK / FINE, SCORED_AT_ONCE = 16 };

size_t slot_block_end(size_t position)
{
    size_t block = position < SESSION_BLOCK ? FINE : SESSION_BLOCK;
    return (position / block + 1) * block;
}

/* The last end of a block that is not after n; and which of the ends it is, from 1. */
static size_t last_end(size_t n)
{
    size_t block = n < SESSION_BLOCK ? FINE : SESSION_BLOCK;
    return n / block * block;
}

static size_t end_number(size_t end)
{
    return end <= SESSION_BLOCK ? end / FINE : N_FINE + end / SESSION_BLOCK - 1;
}

static void slot_free(struct slot *s)
{
    if (s->session.model != NULL)
        session_free(&s->session);
    ids_free(&s->held);
    free(s->predictions);
    free(s->ends);
    free(s->logits);
    free(s);
}

static enum status slot_make(struct slot **out, const struct served *served, size_t capacity, int threads, struct error *err)
{
    struct slot *s = calloc(1, sizeof *s);
    const struct config *c = &served->model.config;
    s->served = served;
    capacity = slot_block_end(capacity - 1);
    enum status status = session_init(&s->session, &served->model, capacity, threads, err);
    s->logits = mem_array(c->vocab_size, sizeof *s->logits);
    s->ends = mem_array(end_number(last_end(capacity)) + 1, c->d_model * sizeof *s->ends);
    s->predictions = mem_array(capacity, sizeof *s->predictions);
    if (status == OK && (s->logits == NULL || s->ends == NULL || s->predictions == NULL))
        status = error_set(err, ERR_SYSTEM, "serve: out of memory for %zu tokens", capacity);
    *out = s;
    if (status != OK) {
        slot_free(s);
        *out = NULL;
    }
    return status;
}

static size_t common(const int32_t *a, size_t n_a, const struct ids *b)
{
    size_t i = 0;
    while (i < n_a && i < b->n && a[i] == b->data[i])
        i++;
    return i;
}

/* Tokens of a slot that a sequence can take over: whole blocks, and at least one token is left to run. */
static size_t shareable(const struct slot *s, const struct ids *ids, size_t held, const int32_t *from)
{
    if (s->served->model.config.rope.scaling == ROPE_DYNAMIC) /* its angles depend on the length of the whole */
        return 0;
    return last_end(common(from, held < ids->n - 1 ? held : ids->n - 1, ids));
}

static size_t shareable_now(const struct slot *s, const struct ids *ids, bool scored)
{
    size_t held = scored && s->n_scored < s->n_whole ? s->n_scored : s->n_whole;
    return shareable(s, ids, held, s->held.data);
}

/* Is a slot on its way to more than `now` of what the sequence begins with? */
static bool worth_waiting(const struct slots *all, const struct served *served, const struct ids *ids, size_t now, bool scored)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct slot *s = all->slot[i];
        if (s->coming != NULL && s->served == served && s->held.n < s->n_prompt && (!scored || s->n_scored == s->held.n) &&
            shareable(s, ids, s->n_prompt, s->coming->data) > now)
            return true;
    }
    return false;
}

/* The least recently used idle slot: one of the model with the room, or any; NULL. */
static struct slot **find_idle(const struct slots *all, const struct served *served, size_t capacity, const struct slot *but)
{
    struct slot **best = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const struct slot *s = all->slot[i];
        bool fits = served == NULL || (s->served == served && s->session.capacity >= capacity);
        if (s->coming == NULL && s != but && fits && (best == NULL || s->used < (*best)->used))
            best = &all->slot[i];
    }
    return best;
}

/* Room for one more: a new slot, or an idle one with the room, or a new one in the place of an idle one. */
static enum status find_room(struct slots *all, struct slot **slot, const struct served *served, size_t capacity,
                             const struct slot *donor, struct error *err)
{
    struct slot **idle = find_idle(all, served, capacity, donor);
    *slot = NULL;
    if (all->n < all->most) {
        all->slot = realloc(all->slot, (all->n + 1) * sizeof *all->slot);
        enum status status = slot_make(slot, served, capacity, all->threads, err);
        if (status == OK)
            all->slot[all->n++] = *slot;
        return status;
    }
    if (idle != NULL) {
        *slot = *idle;
        return OK;
    }
    idle = find_idle(all, NULL, 0, donor);
    if (idle == NULL)
        return OK;
    struct slot *old = *idle;
    enum status status = slot_make(slot, served, capacity, all->threads, err);
    if (status == OK) {
        *idle = *slot;
        slot_free(old);
    }
    return status;
}

/* The prediction at the end of a block is of the token that comes there now. */
static void predict_end(struct slot *slot, size_t end, int32_t id)
{
    const struct config *c = &slot->served->model.config;
    session_logits(&slot->session, slot->logits, slot->ends + end_number(end) * c->d_model, 1);
    prediction_make(&slot->predictions[end - 1], slot->logits, c->vocab_size, id);
}

static void take_over(struct slot *slot, const struct slot *from, size_t n)
{
    const struct config *c = &slot->served->model.config;
    if (slot != from) {
        session_share(&slot->session, &from->session, n);
        memcpy(slot->predictions, from->predictions, (n < from->n_scored ? n : from->n_scored) * sizeof *slot->predictions);
        memcpy(slot->ends, from->ends, (end_number(n) + 1) * c->d_model * sizeof *slot->ends);
        slot->held.n = 0;
        for (size_t i = 0; i < n; i++)
            ids_add(&slot->held, from->held.data[i]);
    }
    session_rewind(&slot->session, n);
    slot->held.n = n;
    slot->n_whole = n;
    slot->n_scored = from->n_scored < n ? from->n_scored : n;
}

enum status slots_take(struct slots *all, struct slot **slot, const struct served *served, const struct ids *ids, size_t capacity,
                       bool scored, bool fresh, struct error *err)
{
    struct slot *donor = NULL;
    size_t n = 0;
    *slot = NULL;
    for (size_t i = 0; i < all->n && !fresh; i++) {
        struct slot *s = all->slot[i];
        size_t here = s->served == served ? shareable_now(s, ids, scored) : 0;
        if (here > n || (here == n && n > 0 && s->coming == NULL && s->session.capacity >= capacity)) {
            donor = s;
            n = here;
        }
    }
    if (!fresh && worth_waiting(all, served, ids, n, scored))
        return OK;
    if (donor != NULL && donor->coming == NULL && donor->session.capacity >= capacity)
        *slot = donor;
    enum status status = *slot ? OK : find_room(all, slot, served, capacity, donor, err);
    if (*slot == NULL && donor != NULL && donor->coming == NULL) { /* it alone is idle, and too small */
        donor = NULL;
        n = 0;
        status = find_room(all, slot, served, capacity, NULL, err);
    }
    if (*slot == NULL)
        return status;
    if (donor != NULL) {
        take_over(*slot, donor, n);
    } else {
        session_rewind(&(*slot)->session, 0);
        (*slot)->held.n = (*slot)->n_scored = (*slot)->n_whole = 0;
    }
    if (n > 0 && scored)
        predict_end(*slot, n, ids->data[n]);
    (*slot)->coming = ids;
    (*slot)->n_prompt = ids->n;
    (*slot)->used = ++all->clock;
    return OK;
}

void slots_give(struct slot *slot)
{
    slot->coming = NULL;
}

void slots_free(struct slots *s)
{
    for (size_t i = 0; i < s->n; i++)
        slot_free(s->slot[i]);
    free(s->slot);
    *s = (struct slots){0};
}

/* Scores the rows of a run but its last. */
struct scoring {
    struct slot *slot;
    size_t end; /* of the run */
    float *logits;
};

static void score_rows(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    const struct scoring *c = context;
    struct slot *s = c->slot;
    size_t vocab = s->served->model.config.vocab_size;
    rows = start + rows == c->end ? rows - 1 : rows;
    for (size_t i = 0, n; i < rows; i += n) {
        n = rows - i < SCORED_AT_ONCE ? rows - i : SCORED_AT_ONCE;
        session_logits(&s->session, c->logits, normed + i * width, n);
        for (size_t k = 0; k < n; k++)
            prediction_make(&s->predictions[start + i + k], c->logits + k * vocab, vocab, s->coming->data[start + i + k + 1]);
    }
}

static enum status run_scored(struct slot *s, size_t from, size_t n, const struct probe *asked, struct error *err)
{
    struct scoring c = {.slot = s, .end = from + n};
    struct probes both = {.probe = {{.context = &c, .on_final = score_rows}}, .n = 1};
    if (asked != NULL)
        both.probe[both.n++] = *asked;
    struct probe probe = probes_combine(&both);
    c.logits = mem_array(s->served->model.config.vocab_size, SCORED_AT_ONCE * sizeof *c.logits);
    enum status status = c.logits ? session_run(&s->session, s->coming->data + from, n, &probe, s->logits, err)
                                  : error_set(err, ERR_SYSTEM, "serve: out of memory");
    for (size_t i = from; i + 1 < from + n && status == OK; i++)
        if (!isfinite(s->predictions[i].log_sum))
            status = session_not_finite(&s->session, "logits", i, err);
    free(c.logits);
    return status;
}

/* The session has run n more tokens: what is held, and whether they end a block that others can share. */
static void note_run(struct slot *s, size_t from, size_t n)
{
    size_t end = from + n, width = s->served->model.config.d_model;
    for (size_t i = from; i < end; i++)
        ids_add(&s->held, s->coming->data[i]);
    if (s->n_whole != from || last_end(end) != end)
        return;
    s->n_whole = end;
    memcpy(s->ends + end_number(end) * width, s->session.normed + (n - 1) % SESSION_BLOCK * width, width * sizeof *s->ends);
}

enum status slot_run(struct slot *s, size_t n, bool scored, const struct probe *probe, int threads, struct error *err)
{
    size_t from = s->held.n, end = from + n;
    s->session.context.threads = threads;
    enum status status =
        scored ? run_scored(s, from, n, probe, err) : session_run(&s->session, s->coming->data + from, n, probe, s->logits, err);
    if (status != OK) {
        session_rewind(&s->session, from);
        return status;
    }
    note_run(s, from, n);
    if (scored && s->n_scored == from)
        s->n_scored = end - 1;
    if (scored && end < s->coming->n)
        slot_predict(s, s->coming->data[end]);
    return OK;
}

enum status slots_step(struct slot *const *slots, size_t n, struct batch *b, struct error *err)
{
    size_t vocab = b->model->config.vocab_size;
    struct session **sessions = mem_array(n, sizeof *sessions);
    int32_t *ids = mem_array(n, sizeof *ids);
    for (size_t i = 0; i < n && sessions != NULL && ids != NULL; i++) {
        sessions[i] = &slots[i]->session;
        ids[i] = slots[i]->coming->data[slots[i]->held.n];
    }
    enum status status =
        sessions && ids ? batch_step(b, sessions, ids, n, err) : error_set(err, ERR_SYSTEM, "serve: out of memory");
    for (size_t i = 0; i < n && status == OK; i++) {
        memcpy(slots[i]->logits, b->logits + i * vocab, vocab * sizeof *b->logits);
        note_run(slots[i], slots[i]->held.n, 1);
    }
    free(sessions);
    free(ids);
    return status;
}

void slot_predict(struct slot *s, int32_t id)
{
    size_t last = s->held.n - 1;
    prediction_make(&s->predictions[last], s->logits, s->served->model.config.vocab_size, id);
    if (s->n_scored == last)
        s->n_scored = last + 1;
}

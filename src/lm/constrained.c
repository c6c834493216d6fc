/* constrained.c - see constrained.h. */
#include "lm/constrained.h"

#include "base/memory.h"
#include "lm/logits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct ids ids;
    size_t label;
};

static int by_tokens(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    for (size_t i = 0; i < x->ids.n && i < y->ids.n; i++)
        if (x->ids.data[i] != y->ids.data[i])
            return x->ids.data[i] < y->ids.data[i] ? -1 : 1;
    return (x->ids.n > y->ids.n) - (x->ids.n < y->ids.n);
}

enum status label_trie_init(struct label_trie *t, struct ids *sequences, size_t n, const char *name, struct error *err)
{
    struct entry *entries = calloc(n ? n : 1, sizeof *entries);
    enum status status = OK;
    *t = (struct label_trie){.sequences = sequences, .label = mem_array(n ? n : 1, sizeof *t->label), .n = n};
    if (entries == NULL || t->label == NULL) {
        free(entries);
        label_trie_free(t);
        return error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    }
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct entry){sequences[i], i};
    qsort(entries, n, sizeof *entries, by_tokens);
    for (size_t i = 0; i < n; i++) {
        sequences[i] = entries[i].ids;
        t->label[i] = entries[i].label;
        if (status == OK && sequences[i].n == 0)
            status = error_set(err, ERR_INPUT, "%s: label %zu has no tokens, expected text", name, t->label[i]);
        if (status == OK && i > 0 && sequences[i - 1].n <= sequences[i].n &&
            memcmp(sequences[i - 1].data, sequences[i].data, sequences[i - 1].n * sizeof(int32_t)) == 0)
            status =
                error_set(err, ERR_INPUT, "%s: label %zu is the beginning of label %zu, expected labels that can be told apart",
                          name, t->label[i - 1], t->label[i]);
    }
    free(entries);
    if (status != OK)
        label_trie_free(t);
    return status;
}

void label_trie_free(struct label_trie *t)
{
    for (size_t i = 0; i < t->n; i++)
        ids_free(&t->sequences[i]);
    free(t->sequences);
    free(t->label);
    *t = (struct label_trie){0};
}

/* One past the sequences from `low` that have the same token at `depth`. */
static size_t same_until(const struct label_trie *t, size_t low, size_t high, size_t depth)
{
    size_t i = low + 1;
    while (i < high && t->sequences[i].data[depth] == t->sequences[low].data[depth])
        i++;
    return i;
}

enum status constrained_greedy(struct session *s, const struct label_trie *t, float *logits, size_t *label, struct error *err)
{
    size_t low = 0, high = t->n;
    for (size_t depth = 0; high - low > 1; depth++) {
        size_t best = low, best_end = low;
        for (size_t i = low, end; i < high; i = end) {
            end = same_until(t, i, high, depth);
            if (i == low || logits[t->sequences[i].data[depth]] > logits[t->sequences[best].data[depth]]) {
                best = i;
                best_end = end;
            }
        }
        low = best;
        high = best_end;
        if (high - low > 1) {
            enum status status = session_run(s, &t->sequences[low].data[depth], 1, NULL, logits, err);
            if (status != OK)
                return status;
        }
    }
    *label = t->label[low];
    return OK;
}

struct walk {
    struct session *session;
    const struct label_trie *trie;
    float *logits; /* [levels, vocab]: those after the tokens down to each level */
    size_t vocab;
    double best, *log_p;
    size_t label;
};

/* Everything below the sequences [low, high), which agree in their first `depth` tokens. */
static enum status descend(struct walk *w, size_t low, size_t high, size_t depth, double log_p, struct error *err)
{
    const struct label_trie *t = w->trie;
    float *logits = w->logits + depth * w->vocab;
    double norm = logits_log_sum(logits, w->vocab);
    size_t at = w->session->n_tokens;
    for (size_t i = low, end; i < high; i = end) {
        end = same_until(t, i, high, depth);
        double here = log_p + (double)logits[t->sequences[i].data[depth]] - norm;
        if (t->sequences[i].n == depth + 1) { /* no other goes on from here */
            if (w->log_p != NULL)
                w->log_p[t->label[i]] = here;
            if (here > w->best) {
                w->best = here;
                w->label = t->label[i];
            }
            continue;
        }
        enum status status = session_run(w->session, &t->sequences[i].data[depth], 1, NULL, logits + w->vocab, err);
        if (status == OK)
            status = descend(w, i, end, depth + 1, here, err);
        if (status != OK)
            return status;
        session_rewind(w->session, at);
    }
    return OK;
}

enum status constrained_total(struct session *s, const struct label_trie *t, float *logits, size_t *label, double *log_p,
                              struct error *err)
{
    struct walk w = {.session = s, .trie = t, .vocab = s->model->config.vocab_size, .best = -INFINITY, .log_p = log_p};
    size_t levels = 0;
    for (size_t i = 0; i < t->n; i++)
        levels = t->sequences[i].n > levels ? t->sequences[i].n : levels;
    w.logits = mem_array(levels + 1, w.vocab * sizeof(float));
    if (w.logits == NULL)
        return error_set(err, ERR_SYSTEM, "labels: out of memory");
    memcpy(w.logits, logits, w.vocab * sizeof(float));
    enum status status = descend(&w, 0, t->n, 0, 0, err);
    *label = w.label;
    free(w.logits);
    return status;
}

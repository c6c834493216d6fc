/* Scores against an independent oracle, the trie against brute force, n-grams. */
#include "base/memory.h"
#include "lm/constrained.h"
#include "lm/ngrams.h"
#include "lm/score.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

static struct model model;
static struct tensor_file expected;
static int32_t *ids;
static size_t n;

static void open_model(void)
{
    struct error err = {0};
    ck_assert_msg(model_load(&model, FIXTURES "diff-gqa", &err) == OK, "%s", err.message);
    ck_assert_int_eq(safetensors_open(&expected, FIXTURES "diff-gqa/expected.safetensors", &err), OK);
    const struct tensor *t = tensor_file_find(&expected, "input_ids");
    n = t->count;
    ids = mem_array(n, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        int64_t id;
        memcpy(&id, t->data + 8 * i, 8);
        ids[i] = (int32_t)id;
    }
}

static void close_model(void)
{
    free(ids);
    tensor_file_close(&expected);
    model_free(&model);
}

START_TEST(scores_match_the_oracle_whole_and_in_pieces)
{
    struct session s;
    struct error err = {0};
    open_model();
    float *want = mem_array(n - 1, sizeof *want);
    double *nll = mem_array(n, sizeof *nll);
    tensor_to_f32(want, tensor_file_find(&expected, "nll"));
    ck_assert_int_eq(session_init(&s, &model, n, 1, &err), OK);
    ck_assert_int_eq(score_tokens(&s, ids, n, nll, &err), OK);
    for (size_t i = 0; i + 1 < n; i++)
        ck_assert_msg(fabs(nll[i] - (double)want[i]) < 1e-4, "nll[%zu] is %g, expected %g", i, nll[i], (double)want[i]);
    session_rewind(&s, 5); /* a prefix that is there already, then the rest */
    ck_assert_int_eq(score_tokens(&s, ids + 5, n - 5, nll, &err), OK);
    for (size_t i = 0; i + 6 < n; i++)
        ck_assert_msg(fabs(nll[i] - (double)want[i + 5]) < 1e-4, "nll[%zu] after a prefix is %g, expected %g", i + 5, nll[i],
                      (double)want[i + 5]);
    session_free(&s);
    free(want);
    free(nll);
    close_model();
}
END_TEST

enum { LABELS = 40, LONGEST = 4, VOCAB = 6, END = 7 };

/* Log-probability of one sequence after the prefix, one forward pass for each. */
static double alone(const struct ids *sequence, size_t prefix)
{
    struct session s;
    struct error err = {0};
    double nll[LONGEST + 2], sum = 0;
    int32_t run[LONGEST + 2] = {ids[prefix - 1]};
    memcpy(run + 1, sequence->data, sequence->n * sizeof *run);
    ck_assert_int_eq(session_init(&s, &model, n + LONGEST + 1, 1, &err), OK);
    ck_assert_int_eq(session_run(&s, ids, prefix - 1, NULL, NULL, &err), OK);
    ck_assert_int_eq(score_tokens(&s, run, sequence->n + 1, nll, &err), OK);
    for (size_t i = 0; i < sequence->n; i++)
        sum -= nll[i];
    session_free(&s);
    return sum;
}

/* Different random sequences of 1 .. LONGEST tokens below VOCAB, each ended by END. */
static struct ids *random_sequences(struct rng *rng)
{
    struct ids *out = calloc(LABELS, sizeof *out);
    for (size_t i = 0; i < LABELS; i++)
        for (bool fresh = false; !fresh;) {
            out[i].n = 0;
            for (size_t k = 0, length = 1 + (size_t)rng_below(rng, LONGEST - 1); k < length; k++)
                ids_add(&out[i], (int32_t)rng_below(rng, VOCAB));
            ids_add(&out[i], END);
            fresh = true;
            for (size_t j = 0; j < i; j++)
                fresh = fresh && !(out[j].n == out[i].n && memcmp(out[j].data, out[i].data, out[i].n * 4) == 0);
        }
    return out;
}

START_TEST(the_trie_gives_what_brute_force_gives)
{
    struct error err = {0};
    open_model();
    for (uint64_t round = 0; round < 5; round++) {
        struct rng rng = rng_stream(1, "labels", round);
        size_t prefix = 3 + (size_t)round, label = 0;
        struct ids *sequences = random_sequences(&rng), *copy = calloc(LABELS, sizeof *copy);
        double brute[LABELS], log_p[LABELS];
        for (size_t i = 0; i < LABELS; i++) {
            for (size_t k = 0; k < sequences[i].n; k++)
                ids_add(&copy[i], sequences[i].data[k]);
            brute[i] = alone(&sequences[i], prefix);
        }
        struct label_trie trie;
        struct session s;
        float *logits = mem_array(model.config.vocab_size, sizeof *logits);
        ck_assert_msg(label_trie_init(&trie, copy, LABELS, "labels", &err) == OK, "%s", err.message);
        ck_assert_int_eq(session_init(&s, &model, n + LONGEST + 1, 1, &err), OK);
        ck_assert_int_eq(session_run(&s, ids, prefix, NULL, logits, &err), OK);
        ck_assert_int_eq(constrained_total(&s, &trie, logits, &label, log_p, &err), OK);
        size_t best = 0;
        for (size_t i = 0; i < LABELS; i++) {
            ck_assert_msg(fabs(log_p[i] - brute[i]) < 1e-4, "label %zu: %g, by brute force %g", i, log_p[i], brute[i]);
            best = brute[i] > brute[best] ? i : best;
        }
        ck_assert_uint_eq(label, best);
        /* greedy, step by step over all sequences that still agree */
        bool alive[LABELS];
        memset(alive, 1, sizeof alive);
        for (size_t depth = 0;; depth++) {
            size_t left = 0, first = LABELS;
            session_rewind(&s, prefix - 1 + depth);
            int32_t last = ids[prefix - 1];
            for (size_t i = LABELS; i-- > 0;)
                if (alive[i]) {
                    left++;
                    first = i;
                }
            if (depth > 0)
                last = sequences[first].data[depth - 1];
            if (left == 1) {
                best = first;
                break;
            }
            ck_assert_int_eq(session_run(&s, &last, 1, NULL, logits, &err), OK);
            int32_t token = -1;
            for (size_t i = 0; i < LABELS; i++)
                if (alive[i] && (token < 0 || logits[sequences[i].data[depth]] > logits[token]))
                    token = sequences[i].data[depth];
            for (size_t i = 0; i < LABELS; i++)
                alive[i] = alive[i] && sequences[i].data[depth] == token;
        }
        session_rewind(&s, prefix - 1);
        ck_assert_int_eq(session_run(&s, &ids[prefix - 1], 1, NULL, logits, &err), OK);
        ck_assert_int_eq(constrained_greedy(&s, &trie, logits, &label, &err), OK);
        ck_assert_uint_eq(label, best);
        session_free(&s);
        label_trie_free(&trie);
        free(logits);
        for (size_t i = 0; i < LABELS; i++)
            ids_free(&sequences[i]);
        free(sequences);
    }
    close_model();
}
END_TEST

START_TEST(labels_that_cannot_be_told_apart_are_refused)
{
    for (size_t wrong = 0; wrong < 2; wrong++) {
        struct ids *s = calloc(2, sizeof *s);
        struct label_trie t;
        struct error err = {0};
        ids_add(&s[0], 4);
        ids_add(&s[0], 5);
        if (wrong == 0)
            ids_add(&s[1], 4); /* the beginning of the other */
        ck_assert_int_eq(label_trie_init(&t, s, 2, "labels", &err), ERR_INPUT);
        ck_assert_ptr_nonnull(strstr(err.message, wrong ? "no tokens" : "beginning"));
    }
}
END_TEST

START_TEST(ngrams_are_counted)
{
    struct ngrams g = {0};
    const int32_t a[] = {1, 2, 3}, b[] = {1, 3, 2};
    ck_assert_uint_eq(ngrams_count(&g, a, 3), 0);
    for (int32_t i = 0; i < 5000; i++) {
        const int32_t pair[] = {i, i / 7};
        ck_assert(ngrams_add(&g, pair, 2));
    }
    ck_assert(ngrams_add(&g, a, 3) && ngrams_add(&g, a, 3));
    ck_assert_uint_eq(ngrams_count(&g, a, 3), 2);
    ck_assert_uint_eq(ngrams_count(&g, b, 3), 0);
    ck_assert_uint_eq(ngrams_count(&g, a, 2), 0); /* {1, 2} was no pair */
    const int32_t pair[] = {700, 100};
    ck_assert_uint_eq(ngrams_count(&g, pair, 2), 1);
    ck_assert_uint_eq(g.used, 5001);
    ngrams_free(&g);
}
END_TEST

SUITE_MAIN("scoring", scores_match_the_oracle_whole_and_in_pieces, the_trie_gives_what_brute_force_gives,
           labels_that_cannot_be_told_apart_are_refused, ngrams_are_counted)

/* Whole models against float64 results of an independent implementation: logits, losses, hidden states, attention maps,
 * gradients. */
#include "base/memory.h"
#include "model/gradient.h"
#include "suite_main.h"
#include "train/oracle.h"

#include <math.h>
#include <string.h>

/* The model of a folder or file against what is expected of the folder `name`. */
static void open_oracle_as(struct oracle *o, const char *model, const char *name)
{
    struct error err = {0};
    char path[128], folder[128];
    snprintf(path, sizeof path, FIXTURES "%s", model);
    snprintf(folder, sizeof folder, FIXTURES "%s", name);
    ck_assert_msg(oracle_open(o, path, folder, &err) == OK, "%s", err.message);
}

static void open_oracle(struct oracle *o, const char *name)
{
    open_oracle_as(o, name, name);
}

static void expect(struct oracle *o, size_t piece, int threads)
{
    struct error err = {0};
    ck_assert_msg(oracle_forward(o, piece, threads, NULL, &err) == OK, "%s", err.message);
}

static float *logits_of(struct oracle *o, int threads)
{
    struct error err = {0};
    float *logits = NULL;
    ck_assert_msg(oracle_forward(o, o->n, threads, &logits, &err) == OK, "%s", err.message);
    return logits;
}

/* A family whose rotation follows the length of what it is given at once has other numbers in pieces. */
static void check_whole(const char *name)
{
    struct oracle o;
    open_oracle(&o, name);
    expect(&o, o.n, 1);
    expect(&o, o.n, 2);
    oracle_close(&o);
}

static void check_forward(const char *name)
{
    struct oracle o;
    open_oracle(&o, name);
    expect(&o, o.n, 1);
    expect(&o, o.n, 3);
    expect(&o, 1, 2);
    expect(&o, 13, 1);
    float *one = logits_of(&o, 1), *three = logits_of(&o, 3);
    ck_assert_msg(memcmp(one, three, o.n * o.model.config.vocab_size * sizeof *one) == 0,
                  "%s: three threads give other bits than one", name);
    free(one);
    free(three);
    oracle_close(&o);
}

START_TEST(llama_forward)
{
    check_forward("llama-mha");
}
END_TEST
START_TEST(llama_grouped_tied_scaled_sharded_forward)
{
    check_forward("llama-gqa-tied");
}
END_TEST
START_TEST(diff_transformer_forward)
{
    check_forward("diff-mha");
}
END_TEST
START_TEST(diff_transformer_grouped_forward)
{
    check_forward("diff-gqa");
}
END_TEST

START_TEST(diffllama_forward)
{
    check_forward("diffllama-gqa");
}
END_TEST
START_TEST(diff_transformer_v2_forward)
{
    check_forward("diffv2-gqa");
}
END_TEST
START_TEST(motif_forward)
{
    check_forward("motif-mha");
}
END_TEST

START_TEST(dex_forward)
{
    check_forward("dex-gqa");
}
END_TEST

START_TEST(motif_grouped_forward)
{
    check_forward("motif-grouped");
}
END_TEST

START_TEST(gguf_forward)
{
    struct oracle o;
    open_oracle_as(&o, "gguf/llama.gguf", "llama-gqa-tied");
    expect(&o, o.n, 2);
    oracle_close(&o);
}
END_TEST
START_TEST(mistral_with_a_window_forward)
{
    check_forward("mistral-window");
}
END_TEST
START_TEST(qwen2_with_yarn_forward)
{
    check_forward("qwen2-yarn");
}
END_TEST
START_TEST(qwen3_forward)
{
    check_forward("qwen3-qknorm");
}
END_TEST
START_TEST(smollm3_with_dynamic_rotation_forward)
{
    check_whole("smollm3-dynamic");
}
END_TEST

static void check_gradients(const char *name)
{
    struct oracle o;
    struct gradient g, g3;
    struct error err = {0};
    open_oracle(&o, name);
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    ck_assert_int_eq(gradient_init(&g, &o.model, o.n, false, 1, &err), OK);
    ck_assert_int_eq(gradient_init(&g3, &o.model, o.n, false, 3, &err), OK);
    gradient_add(&g, o.ids, o.n, 1);
    gradient_add(&g3, o.ids, o.n, 1);
    ck_assert_msg(memcmp(g.sum.storage, g3.sum.storage, g.sum.n_storage * 4) == 0, "three threads give other gradients than one");
    gradient_free(&g);
    gradient_free(&g3);
    ck_assert_msg(oracle_gradients(&o, 1, &err) == OK, "%s", err.message);
    oracle_close(&o);
}

START_TEST(llama_gradients_and_step)
{
    check_gradients("grads-llama");
}
END_TEST
START_TEST(diff_transformer_gradients_and_step)
{
    check_gradients("grads-diff");
}
END_TEST

/* One layer's activations at a time, and all of them, give the same gradients. */
START_TEST(recomputing_changes_no_bit)
{
    static const char *const names[] = {"grads-llama", "grads-diff", "diffllama-gqa", "diffv2-gqa", "dex-gqa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct oracle o;
        struct gradient kept, again;
        struct error err = {0};
        open_oracle(&o, names[i]);
        ck_assert_int_eq(model_unpack(&o.model, &err), OK);
        ck_assert_int_eq(gradient_init(&kept, &o.model, o.n + 9, false, 1, &err), OK);
        ck_assert_int_eq(gradient_init(&again, &o.model, o.n + 9, true, 2, &err), OK);
        for (int round = 0; round < 2; round++) {
            double a = gradient_add(&kept, o.ids, o.n - (size_t)round, 1),
                   b = gradient_add(&again, o.ids, o.n - (size_t)round, 1);
            ck_assert_msg(a == b, "%s: loss %.17g, expected %.17g", names[i], b, a);
        }
        ck_assert_msg(memcmp(kept.sum.storage, again.sum.storage, kept.sum.n_storage * sizeof(float)) == 0,
                      "%s: other gradients where activations are computed again", names[i]);
        gradient_free(&kept);
        gradient_free(&again);
        oracle_close(&o);
    }
}
END_TEST

/* Sequences one after another add up to the gradients of each, but for the order of sums. */
START_TEST(gradients_accumulate)
{
    struct oracle o;
    struct gradient each[2], sum;
    struct error err = {0};
    size_t half;
    open_oracle(&o, "grads-diff");
    half = o.n / 2;
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    ck_assert_int_eq(gradient_init(&sum, &o.model, o.n, false, 1, &err), OK);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(gradient_init(&each[i], &o.model, o.n, false, 1, &err), OK);
        gradient_add(&each[i], o.ids + i * half, half, 0.5f);
        gradient_add(&sum, o.ids + i * half, half, 0.5f);
    }
    double norm = gradient_norm(&sum), difference = 0;
    for (size_t i = 0; i < sum.sum.n_storage; i++) {
        double d = (double)sum.sum.storage[i] - (double)each[0].sum.storage[i] - (double)each[1].sum.storage[i];
        difference += d * d;
    }
    ck_assert_msg(sqrt(difference) < 1e-6 * norm, "accumulated gradients are %g away, of %g", sqrt(difference), norm);
    for (size_t i = 0; i < 2; i++)
        gradient_free(&each[i]);
    gradient_free(&sum);
    oracle_close(&o);
}
END_TEST

/* The gradients of the extension and of what comes before it against central differences in float64. */
START_TEST(dex_gradients)
{
    struct oracle o;
    struct gradient g;
    struct error err = {0};
    size_t compared = 0;
    open_oracle(&o, "dex-gqa");
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    ck_assert_msg(gradient_init(&g, &o.model, o.n, false, 2, &err) == OK, "%s", err.message);
    gradient_add(&g, o.ids, o.n, 1);
    for (size_t r = 0; r < g.sum.n_rows; r++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", g.sum.rows[r].name);
        if (tensor_file_find(&o.expected, name) == NULL)
            continue;
        compared++;
        ck_assert_msg(oracle_compare(&o, name, weights_floats(&g.sum.rows[r]), 1e-4, &err) == OK, "%s", err.message);
    }
    ck_assert_uint_eq(compared, 5);
    gradient_free(&g);
    oracle_close(&o);
}
END_TEST

/* Along the gradient of each tensor the loss changes by the square of its length: central differences of the forward pass, which
 * the cases above have checked. For the families whose gradients no oracle has. */
static void check_slopes(const char *name, float lambda_held)
{
    struct oracle o;
    struct gradient g;
    struct error err = {0};
    open_oracle(&o, name);
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    o.model.lambda_held = lambda_held;
    model_update_lambda(&o.model);
    ck_assert_msg(gradient_init(&g, &o.model, o.n, false, 1, &err) == OK, "%s", err.message);
    gradient_add(&g, o.ids, o.n, 1.0f);
    for (size_t r = 0; r < g.sum.n_rows; r++) {
        const struct weight_row *row = &o.model.weights.rows[r];
        float *w = weights_floats(row), *kept = mem_array(row->count, sizeof *kept), *slope = weights_floats(&g.sum.rows[r]);
        double square = 0, loss[2];
        for (size_t i = 0; i < row->count; i++)
            square += (double)slope[i] * (double)slope[i];
        memcpy(kept, w, row->count * sizeof *w);
        double step = 1e-2 / sqrt(square);
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < row->count; i++)
                w[i] = kept[i] + (float)((side ? -step : step) * (double)slope[i]);
            model_update_lambda(&o.model);
            loss[side] = gradient_add(&g, o.ids, o.n, 0);
        }
        memcpy(w, kept, row->count * sizeof *w);
        double got = (loss[0] - loss[1]) / (2 * step);
        ck_assert_msg(fabs(got / square - 1) < 0.03, "%s: the loss changes by %g along the gradient of %s, expected %g", name,
                      got, row->name, square);
        free(kept);
    }
    gradient_free(&g);
    oracle_close(&o);
}

START_TEST(diffllama_slopes)
{
    check_slopes("diffllama-gqa", 0);
    check_slopes("diffllama-gqa", 0.75f);
}
END_TEST
START_TEST(diff_transformer_v2_slopes)
{
    check_slopes("diffv2-gqa", 0);
}
END_TEST
START_TEST(dex_slopes)
{
    check_slopes("dex-gqa", 0);
    check_slopes("dex-gqa", 0.75f);
}
END_TEST
START_TEST(motif_is_not_trained)
{
    struct oracle o;
    struct gradient g;
    struct error err = {0};
    open_oracle(&o, "motif-mha");
    ck_assert_int_eq(gradient_init(&g, &o.model, o.n, false, 1, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "PolyNorm"));
    oracle_close(&o);
}
END_TEST

SUITE_MAIN("oracle", recomputing_changes_no_bit, gradients_accumulate, dex_forward, dex_gradients, dex_slopes, llama_forward,
           llama_grouped_tied_scaled_sharded_forward, diff_transformer_forward, diff_transformer_grouped_forward,
           llama_gradients_and_step, diff_transformer_gradients_and_step, diffllama_forward, diff_transformer_v2_forward,
           motif_forward, motif_grouped_forward, gguf_forward, mistral_with_a_window_forward, qwen2_with_yarn_forward,
           qwen3_forward, smollm3_with_dynamic_rotation_forward, diffllama_slopes, diff_transformer_v2_slopes,
           motif_is_not_trained)

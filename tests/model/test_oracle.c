/* Whole models against float64 results of an independent implementation: logits, losses, hidden states, attention maps,
 * gradients. */
#include "base/memory.h"
#include "model/gradient.h"
#include "model/session.h"
#include "numeric/layers.h"
#include "suite_main.h"
#include "train/adamw.h"

#include <math.h>
#include <string.h>

struct oracle {
    struct model model;
    struct tensor_file expected;
    int32_t *ids;
    size_t n;
};

/* The model of a folder or file against what is expected of the folder `name`. */
static void open_oracle_as(struct oracle *o, const char *model, const char *name)
{
    struct error err = {0};
    char path[128];
    snprintf(path, sizeof path, FIXTURES "%s", model);
    ck_assert_msg(model_load(&o->model, path, &err) == OK, "%s", err.message);
    snprintf(path, sizeof path, FIXTURES "%s/expected.safetensors", name);
    ck_assert_msg(safetensors_open(&o->expected, path, &err) == OK, "%s", err.message);
    const struct tensor *ids = tensor_file_find(&o->expected, "input_ids");
    o->n = ids->count;
    o->ids = mem_array(o->n, sizeof *o->ids);
    for (size_t i = 0; i < o->n; i++) {
        int64_t id;
        memcpy(&id, ids->data + 8 * i, 8);
        o->ids[i] = (int32_t)id;
    }
}

static void open_oracle(struct oracle *o, const char *name)
{
    open_oracle_as(o, name, name);
}

static void close_oracle(struct oracle *o)
{
    model_free(&o->model);
    tensor_file_close(&o->expected);
    free(o->ids);
}

/* `got` within tolerance times the largest expected value. */
static void expect_tensor(const struct oracle *o, const char *name, const float *got, double tolerance)
{
    const struct tensor *t = tensor_file_find(&o->expected, name);
    ck_assert_msg(t != NULL, "the oracle has no %s", name);
    float *want = mem_array(t->count, sizeof *want);
    double largest = 1e-12;
    tensor_to_f32(want, t);
    for (size_t i = 0; i < t->count; i++)
        largest = larger(largest, fabs((double)want[i]));
    for (size_t i = 0; i < t->count; i++)
        ck_assert_msg(fabs((double)(got[i] - want[i])) <= tolerance * largest, "%s[%zu] is %.8g, expected %.8g within %g of %g",
                      name, i, (double)got[i], (double)want[i], tolerance, largest);
    free(want);
}

struct seen {
    struct oracle *o;
    struct session *s;
    float *logits, *attention, *hidden;
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)context, (void)position;
    return layer == 1;
}
static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct seen *s = context;
    (void)layer;
    memcpy(s->attention + (head * s->o->n + position) * s->o->n, row, (position + 1) * sizeof *row);
}
static void on_hidden(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width)
{
    struct seen *s = context;
    memcpy(s->hidden + (layer * s->o->n + start) * width, hidden, rows * width * sizeof *hidden);
}
static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    struct seen *s = context;
    (void)width;
    session_logits(s->s, s->logits + start * s->o->model.config.vocab_size, normed, rows);
}

/* Runs the oracle's tokens in the given pieces and threads; the caller frees the logits. */
static float *run(struct oracle *o, size_t piece, int threads, bool check)
{
    struct session s;
    struct error err = {0};
    const struct config *c = &o->model.config;
    struct seen seen = {o, &s, mem_array(o->n * c->vocab_size, 4), mem_array(o->model.plan.n_heads * o->n * o->n, 4),
                        mem_array(c->n_layers * o->n * c->d_model, 4)};
    struct probe probe = {
        .context = &seen, .wants_row = wants_row, .on_row = on_row, .on_hidden = on_hidden, .on_final = on_final};
    ck_assert_int_eq(session_init(&s, &o->model, o->n, threads, &err), OK);
    for (size_t i = 0; i < o->n; i += piece)
        ck_assert_int_eq(session_run(&s, o->ids + i, o->n - i < piece ? o->n - i : piece, &probe, NULL, &err), OK);
    if (check) {
        expect_tensor(o, "logits", seen.logits, 1e-4);
        expect_tensor(o, "attention.1", seen.attention, 1e-5);
        for (size_t l = 0; l < c->n_layers; l++) {
            char name[32];
            snprintf(name, sizeof name, "hidden.%zu", l);
            expect_tensor(o, name, seen.hidden + l * o->n * c->d_model, 1e-4);
        }
    }
    session_free(&s);
    free(seen.attention);
    free(seen.hidden);
    return seen.logits;
}

/* A family whose rotation follows the length of what it is given at once has other numbers in pieces. */
static void check_whole(const char *name)
{
    struct oracle o;
    open_oracle(&o, name);
    free(run(&o, o.n, 1, true));
    free(run(&o, o.n, 2, true));
    close_oracle(&o);
}

static void check_forward(const char *name)
{
    struct oracle o;
    open_oracle(&o, name);
    size_t bytes = o.n * o.model.config.vocab_size * sizeof(float);
    float *whole = run(&o, o.n, 1, true), *threads = run(&o, o.n, 3, true), *single = run(&o, 1, 2, true),
          *pieces = run(&o, 13, 1, true);
    ck_assert_msg(memcmp(whole, threads, bytes) == 0, "%s: three threads give other bits than one", name);
    free(whole);
    free(threads);
    free(single);
    free(pieces);
    close_oracle(&o);
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

START_TEST(motif_grouped_forward)
{
    check_forward("motif-grouped");
}
END_TEST

START_TEST(gguf_forward)
{
    struct oracle o;
    open_oracle_as(&o, "gguf/llama.gguf", "llama-gqa-tied");
    free(run(&o, o.n, 2, true));
    close_oracle(&o);
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
    struct gradient g, g2;
    struct adamw adamw;
    struct error err = {0};
    /* the settings of the fixture's adamw.json */
    const struct adamw_settings settings = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
    open_oracle(&o, name);
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    ck_assert_int_eq(gradient_init(&g, &o.model, o.n, 1, &err), OK);
    ck_assert_int_eq(gradient_init(&g2, &o.model, o.n, 3, &err), OK);
    float loss = (float)(gradient_add(&g, o.ids, o.n, 1.0f / (float)(o.n - 1)) / (double)(o.n - 1)),
          norm = (float)gradient_norm(&g);
    gradient_add(&g2, o.ids, o.n, 1.0f / (float)(o.n - 1));
    ck_assert_msg(memcmp(g.sum.storage, g2.sum.storage, g.sum.n_storage * 4) == 0, "three threads give other gradients than one");
    expect_tensor(&o, "loss", &loss, 1e-5);
    expect_tensor(&o, "grad_norm", &norm, 1e-4);
    for (size_t i = 0; i < g.sum.n_rows; i++) {
        char tensor[128];
        snprintf(tensor, sizeof tensor, "grad.%s", g.sum.rows[i].name);
        expect_tensor(&o, tensor, weights_floats(&g.sum.rows[i]), 1e-3);
    }
    ck_assert_int_eq(adamw_init(&adamw, &o.model.weights, &err), OK);
    adamw_step(&adamw, &o.model.weights, &g.sum, (double)norm, &settings);
    for (size_t i = 0; i < g.sum.n_rows; i++) {
        char tensor[128];
        snprintf(tensor, sizeof tensor, "adamw.%s", g.sum.rows[i].name);
        expect_tensor(&o, tensor, weights_floats(&o.model.weights.rows[i]), 1e-3);
    }
    adamw_free(&adamw);
    gradient_free(&g);
    gradient_free(&g2);
    close_oracle(&o);
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

/* Along the gradient of each tensor the loss changes by the square of its length: central differences of the forward pass, which
 * the cases above have checked. For the families whose gradients no oracle has. */
static void check_slopes(const char *name)
{
    struct oracle o;
    struct gradient g;
    struct error err = {0};
    open_oracle(&o, name);
    ck_assert_int_eq(model_unpack(&o.model, &err), OK);
    ck_assert_msg(gradient_init(&g, &o.model, o.n, 1, &err) == OK, "%s", err.message);
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
    close_oracle(&o);
}

START_TEST(diffllama_slopes)
{
    check_slopes("diffllama-gqa");
}
END_TEST
START_TEST(diff_transformer_v2_slopes)
{
    check_slopes("diffv2-gqa");
}
END_TEST
START_TEST(motif_is_not_trained)
{
    struct oracle o;
    struct gradient g;
    struct error err = {0};
    open_oracle(&o, "motif-mha");
    ck_assert_int_eq(gradient_init(&g, &o.model, o.n, 1, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "PolyNorm"));
    close_oracle(&o);
}
END_TEST

SUITE_MAIN("oracle", llama_forward, llama_grouped_tied_scaled_sharded_forward, diff_transformer_forward,
           diff_transformer_grouped_forward, llama_gradients_and_step, diff_transformer_gradients_and_step, diffllama_forward,
           diff_transformer_v2_forward, motif_forward, motif_grouped_forward, gguf_forward, mistral_with_a_window_forward,
           qwen2_with_yarn_forward, qwen3_forward, smollm3_with_dynamic_rotation_forward, diffllama_slopes,
           diff_transformer_v2_slopes, motif_is_not_trained)

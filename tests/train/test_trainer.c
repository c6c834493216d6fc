/* Training: a tiny run learns, and stopped anywhere it ends with the same bits. */
#include "base/file.h"
#include "model/model.h"
#include "suite_main.h"
#include "train/bpe.h"
#include "train/packing.h"
#include "train/trainer.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static char *in_folder(const char *name)
{
    return path_join(folder, name);
}

/* A vocabulary from the haystack and a recipe for a tiny model, with further lines. */
static char *make_recipe_with(const char *name, size_t steps, const char *rate, const char *more)
{
    struct error err = {0};
    struct text yaml = {0};
    char *tokenizer = in_folder("tokenizer"), *path = in_folder(name);
    const char *book[] = {"data/haystack/persuasion.txt"};
    if (!file_exists(tokenizer))
        ck_assert_msg(bpe_train(book, 1, 320, tokenizer, &err) == OK, "%s", err.message);
    text_printf(&yaml,
                "seed: 3\ntokenizer: %s\noutput: %s/out-%s\ncorpus: [data/haystack/persuasion.txt]\ncheckpoint_steps: "
                "2\nvalidation_steps: 5\n"
                "validation_sequences: 2\noptimizer: {lr: %s, warmup_steps: 2}\n%s"
                "models:\n  tiny: {model_type: diff_transformer, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, "
                "intermediate_size: 48, tie_word_embeddings: true}\n"
                "stages:\n  - {steps: %zu, seq_len: 48, sequences: 2, mix: [{kind: text, bytes: [100, 200]}, {kind: pairs, "
                "bytes: [60, 100]}]}\n"
                "  - {steps: 4, seq_len: 64, sequences: 1, mix: [{kind: needles, bytes: [100, 200]}]}\n",
                tokenizer, folder, name, rate, more, steps);
    ck_assert_int_eq(file_write(path, yaml.data, yaml.len, &err), OK);
    text_free(&yaml);
    free(tokenizer);
    return path;
}

static char *make_recipe(const char *name, size_t steps)
{
    return make_recipe_with(name, steps, "5.0e-3", "");
}

static void start(void)
{
    strcpy(folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void finish(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static enum status train(const char *path, bool fresh, const volatile sig_atomic_t *stop)
{
    struct recipe recipe;
    struct error err = {0};
    struct trainer_options options = {.threads = 1, .quiet = true, .fresh = fresh, .stop = stop};
    ck_assert_msg(recipe_load(&recipe, path, &err) == OK, "%s", err.message);
    enum status status = trainer_run(&recipe, &options, &err);
    ck_assert_msg(status == OK || status == ERR_STOPPED, "%s", err.message);
    recipe_free(&recipe);
    return status;
}

static void expect_same_file(const char *a, const char *b)
{
    struct error err;
    char *pa = in_folder(a), *pb = in_folder(b), *ta, *tb;
    size_t na, nb;
    ck_assert_int_eq(file_read(&ta, &na, pa, &err), OK);
    ck_assert_int_eq(file_read(&tb, &nb, pb, &err), OK);
    ck_assert_msg(na == nb && memcmp(ta, tb, na) == 0, "%s and %s differ", a, b);
    free(pa);
    free(pb);
    free(ta);
    free(tb);
}

START_TEST(killed_training_ends_with_the_same_bits)
{
    start();
    char *whole = make_recipe("whole", 8), *killed = make_recipe("killed", 8);
    ck_assert_int_eq(train(whole, false, NULL), OK);
    for (int round = 0; round < 6; round++) { /* kill -9 at whatever step it has reached */
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            train(killed, false, NULL);
            _exit(0);
        }
        usleep(20000u * (unsigned)(round + 1));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    sig_atomic_t stop = 1; /* and politely, after each step */
    for (int round = 0; round < 3; round++)
        train(killed, false, &stop);
    ck_assert_int_eq(train(killed, false, NULL), OK);
    expect_same_file("out-whole/tiny/model.safetensors", "out-killed/tiny/model.safetensors");
    free(whole);
    free(killed);
    finish();
}
END_TEST

START_TEST(a_training_starts_from_another_one)
{
    struct error err = {0};
    struct recipe recipe;
    struct trainer_options options = {.threads = 1, .quiet = true};
    char more[128];
    start();
    char *first = make_recipe("first", 5);
    ck_assert_int_eq(train(first, false, NULL), OK);
    snprintf(more, sizeof more, "start: %s/out-first\n", folder);
    char *second = make_recipe_with("second", 3, "1.0e-12", more); /* next to no rate: what it starts from comes out */
    ck_assert_int_eq(train(second, false, NULL), OK);
    expect_same_file("out-first/tiny/model.safetensors", "out-second/tiny/model.safetensors");
    char *lost = make_recipe_with("lost", 3, "1.0e-3", "start: /nowhere\n");
    ck_assert_int_eq(recipe_load(&recipe, lost, &err), OK);
    ck_assert_int_eq(trainer_run(&recipe, &options, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "/nowhere/tiny") != NULL, "%s", err.message);
    recipe_free(&recipe);
    free(first);
    free(second);
    free(lost);
    finish();
}
END_TEST

START_TEST(the_loss_falls_and_the_log_says_so)
{
    struct error err;
    start();
    char *path = make_recipe("learns", 56), *log = in_folder("out-learns/tiny/train.jsonl"), *text;
    ck_assert_int_eq(train(path, false, NULL), OK);
    ck_assert_int_eq(file_read(&text, NULL, log, &err), OK);
    double first = 0, last = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        cJSON *entry = cJSON_ParseWithLength(line, (size_t)(end - line));
        last = cJSON_GetNumberValue(cJSON_GetObjectItem(entry, "loss"));
        first = first > 0 ? first : last;
        cJSON_Delete(entry);
    }
    ck_assert_msg(first > 4.0 && last < first - 0.5, "the loss went from %g to %g", first, last);
    free(path);
    free(log);
    free(text);
    finish();
}
END_TEST

START_TEST(sequences_are_full_and_do_not_depend_on_each_other)
{
    struct recipe recipe;
    struct error err = {0};
    struct packed a = {0}, b = {0};
    start();
    char *path = make_recipe("pack", 8);
    ck_assert_int_eq(recipe_load(&recipe, path, &err), OK);
    const struct stage *stage = &recipe.stages[0];
    ck_assert_int_eq(pack_sequence(&a, &recipe, stage, PACK_TRAINING, 5, &err), OK);
    ck_assert_int_eq(pack_sequence(&b, &recipe, stage, PACK_TRAINING, 6, &err), OK);
    ck_assert(a.ids.n == 49 && b.ids.n == 49 && memcmp(a.ids.data, b.ids.data, 49 * sizeof *a.ids.data) != 0);
    ck_assert_int_eq(pack_sequence(&b, &recipe, stage, PACK_TRAINING, 5, &err), OK);
    ck_assert_int_eq(memcmp(a.ids.data, b.ids.data, 49 * sizeof *a.ids.data), 0);
    packed_free(&a);
    packed_free(&b);
    recipe_free(&recipe);
    free(path);
    finish();
}
END_TEST

START_TEST(the_rate_warms_up_and_decays)
{
    struct stage stage = {.steps = 100};
    struct recipe r = {.stages = &stage,
                       .n_stages = 1,
                       .n_steps = 100,
                       .warmup_steps = 10,
                       .optimizer.lr = 1,
                       .min_lr = 0.1,
                       .decay_share = 0.5};
    ck_assert(recipe_rate(&r, 0) == 0.1 && recipe_rate(&r, 9) == 1 && recipe_rate(&r, 50) == 1);
    ck_assert(recipe_rate(&r, 75) > 0.549 && recipe_rate(&r, 75) < 0.551 && recipe_rate(&r, 99) < 0.12);
}
END_TEST

START_TEST(the_rate_never_jumps)
{
    struct stage stage = {.steps = 40};
    struct recipe r = {
        .stages = &stage, .n_stages = 1, .n_steps = 40, .warmup_steps = 20, .optimizer.lr = 4e-3, .min_lr = 0, .decay_share = 1};
    for (int cosine = 0; cosine < 2; cosine++) {
        r.cosine = cosine;
        for (size_t step = 1; step < r.n_steps; step++)
            ck_assert_msg(fabs(recipe_rate(&r, step) - recipe_rate(&r, step - 1)) < 4.1e-4, "step %zu: from %g to %g", step,
                          recipe_rate(&r, step - 1), recipe_rate(&r, step));
        ck_assert_msg(recipe_rate(&r, 19) == 4e-3, "the warm-up ends at %g", recipe_rate(&r, 19));
    }
}
END_TEST

/* Shares of the tokens of 400 sequences of text, pairs and labels, asked for as 5, 3 and 2 with this `fill`. */
static void expect_shares(const char *fill, double tolerance)
{
    struct recipe recipe;
    struct error err = {0};
    struct packed p = {0};
    struct token_counts counts = {0};
    struct text yaml = {0};
    int64_t all = 0;
    start();
    char *path = in_folder("shares.yaml");
    free(make_recipe("any", 3)); /* the vocabulary */
    text_printf(&yaml,
                "tokenizer: %s/tokenizer\noutput: %s/out\ncorpus: [data/haystack/persuasion.txt]\noptimizer: {lr: 0.1}\nfill: "
                "%s\nmodels: {tiny: {model_type: llama, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, "
                "intermediate_size: 48}}\nstages:\n  - {steps: 1, seq_len: 512, sequences: 1, mix: [{kind: text, "
                "weight: 5, bytes: [100, 3000]}, {kind: pairs, weight: 3, bytes: [60, 100]}, {kind: labels, weight: 2, bytes: "
                "[700, 800]}]}\n",
                folder, folder, fill);
    ck_assert_int_eq(file_write(path, yaml.data, yaml.len, &err), OK);
    ck_assert_msg(recipe_load(&recipe, path, &err) == OK, "%s", err.message);
    recipe.data_seed = 7;
    for (uint64_t i = 0; i < 400; i++) {
        ck_assert_int_eq(pack_sequence(&p, &recipe, recipe.stages, PACK_TRAINING, i, &err), OK);
        packed_count(&counts, &p);
        for (size_t d = 0; d < p.n_documents; d++)
            ck_assert_msg(p.ids.data[p.documents[d].first] == recipe.end, "a document does not begin with the end token");
        ck_assert_msg(p.documents[0].first == 0, "a sequence does not begin with a document");
    }
    for (size_t k = 0; k < N_DOCUMENT_KINDS; k++) {
        const char *name = DOCUMENT_KINDS[k].name;
        double share = (double)counts.kinds[k] / (400 * 512), wanted = strcmp(name, "text") == 0     ? 0.5
                                                                       : strcmp(name, "pairs") == 0  ? 0.3
                                                                       : strcmp(name, "labels") == 0 ? 0.2
                                                                                                     : 0;
        ck_assert_msg(fabs(share - wanted) < tolerance, "fill %s: %s is %g of the tokens, not %g", fill, name, share, wanted);
        all += counts.kinds[k];
    }
    ck_assert_int_eq(all, 400 * 512);
    ck_assert_msg((counts.fill > 0) == (strcmp(fill, "cut") != 0), "fill %s: %g tokens fill up", fill, (double)counts.fill);
    packed_free(&p);
    text_free(&yaml);
    recipe_free(&recipe);
    free(path);
    finish();
}

START_TEST(shares_are_of_tokens_whatever_the_length_of_documents)
{
    expect_shares("draw", 0.04);
    expect_shares("cut", 0.04);
    expect_shares("text", 0.15); /* what fills up is beside the shares */
}
END_TEST

START_TEST(no_seed_changes_the_validation_set)
{
    struct recipe a, b;
    struct error err = {0};
    struct packed pa = {0}, pb = {0};
    start();
    char *one = make_recipe("one", 3), *two = make_recipe_with("two", 9, "1.0e-3", "data_seed: 77\n");
    ck_assert_int_eq(recipe_load(&a, one, &err), OK);
    ck_assert_int_eq(recipe_load(&b, two, &err), OK);
    ck_assert(a.seed == 3 && a.data_seed == 3 && b.seed == 3 && b.data_seed == 77);
    for (uint64_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pack_sequence(&pa, &a, &a.validation, PACK_VALIDATION, i, &err), OK);
        ck_assert_int_eq(pack_sequence(&pb, &b, &b.validation, PACK_VALIDATION, i, &err), OK);
        ck_assert(pa.ids.n == 65 && pb.ids.n == 65 && memcmp(pa.ids.data, pb.ids.data, 65 * sizeof *pa.ids.data) == 0);
    }
    ck_assert_int_eq(pack_sequence(&pa, &a, a.stages, PACK_TRAINING, 0, &err), OK);
    ck_assert_int_eq(pack_sequence(&pb, &b, b.stages, PACK_TRAINING, 0, &err), OK);
    ck_assert_msg(memcmp(pa.ids.data, pb.ids.data, 49 * sizeof *pa.ids.data) != 0, "data_seed changes nothing");
    packed_free(&pa);
    packed_free(&pb);
    recipe_free(&a);
    recipe_free(&b);
    free(one);
    free(two);
    finish();
}
END_TEST

START_TEST(a_broken_recipe_is_named)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"seed: -1\n", "seed"},
        {"tokenizer: x\n", "output"},
        {"tokenizer: x\noutput: y\n", "lr"},
        {"tokenizer: x\noutput: y\noptimizer: {lr: 2}\n", "lr"},
        {"tokenizer: x\noutput: y\noptimizer: {lr: 0.1}\n", "stages"},
        {"tokenizer: x\noutput: y\noptimizer: {lr: 0.1}\nstages: [{steps: 1, seq_len: 8, sequences: 1}]\n", "mix"},
        {"tokenizer: x\noutput: y\noptimizer: {lr: 0.1}\nstages: [{steps: 1, seq_len: 8, sequences: 1, mix: [{kind: poems}]}]\n",
         "poems"},
        {"tokenizer: x\noutput: y\noptimizer: {lr: 0.1}\nstages: [{steps: 1, seq_len: 8, sequences: 1, mix: [{kind: text, bytes: "
         "[9, 2]}]}]\n",
         "bytes"},
    };
    struct error err;
    struct recipe recipe;
    start();
    char *path = in_folder("r.yaml");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(file_write(path, cases[i].yaml, strlen(cases[i].yaml), &err), OK);
        ck_assert_int_eq(recipe_load(&recipe, path, &err), ERR_INPUT);
        ck_assert_msg(strstr(err.message, cases[i].says) && strstr(err.message, "r.yaml"), "'%s' does not name '%s'", err.message,
                      cases[i].says);
    }
    free(path);
    finish();
}
END_TEST

SUITE_MAIN("trainer", killed_training_ends_with_the_same_bits, a_training_starts_from_another_one,
           the_loss_falls_and_the_log_says_so, sequences_are_full_and_do_not_depend_on_each_other, the_rate_warms_up_and_decays,
           the_rate_never_jumps, shares_are_of_tokens_whatever_the_length_of_documents, no_seed_changes_the_validation_set,
           a_broken_recipe_is_named)

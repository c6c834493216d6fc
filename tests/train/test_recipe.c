/* Recipes: what they say is done, and what cannot be done is named; rates, shares, sequences. */
#include "tiny_recipe.h"
#include "train/packing.h"

#include <math.h>

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

START_TEST(what_a_recipe_cannot_mean_is_refused_by_name)
{
    static const struct {
        const char *from, *to, *says[4];
    } cases[] = {
        {"seed: 3", "sed: 3", {"'sed'", "seed?"}},
        {"optimizer: {lr", "optimiser: {lr", {"'optimiser'", "optimizer?"}},
        {"warmup_steps: 2", "weightdecay: 0.5", {"'optimizer.weightdecay'", "weight_decay?"}},
        {"num_hidden_layers: 2,", "num_hidden_layers: 2, num_layer: 9,", {"'models.tiny.num_layer'", "num_hidden_layers?"}},
        {"sequences: 2, mix", "sequence: 2, mix", {"'stages.sequence'", "sequences?"}},
        {"{kind: text, bytes", "{kind: text, weigth: 2, bytes", {"'stages.mix.weigth'", "weight?"}},
        {"seed: 3", "sed: 3\nouput: x", {"'sed'", "'ouput'", "output?"}},
        {"lr: 5.0e-3", "lr: 0", {"optimizer.lr", "more than 0"}},
        {"warmup_steps: 2", "warmup_steps: 13", {"optimizer.warmup_steps", "at most"}},
        {"warmup_steps: 2", "beta1: 1", {"optimizer.beta1", "less than 1"}},
        {"warmup_steps: 2", "beta2: 1", {"optimizer.beta2", "less than 1"}},
        {"warmup_steps: 2", "eps: 0", {"optimizer.eps", "more than 0"}},
        {"warmup_steps: 2", "min_lr: 0.1", {"optimizer.min_lr", "at most lr"}},
        {"warmup_steps: 2", "schedule: cosin", {"schedule", "cosin", "linear or cosine"}},
        {"  tiny:", "  ../tiny:", {"'../tiny'"}},
        {"  tiny:", "  .tiny:", {"'.tiny'"}},
        {"  tiny:", "  'a/b':", {"'a/b'"}},
        {"num_hidden_layers: 2,",
         "num_hidden_layers: 2, max_position_embeddings: 63,",
         {"seq_len", "64", "max_position_embeddings = 63"}},
        {"num_hidden_layers: 2,", "num_hidden_layers: 2, vocab_size: 321,", {"vocab_size"}},
        {"diff_transformer, hidden_size: 32",
         "diffllama, num_key_value_heads: 1, hidden_size: 32",
         {"models.tiny.num_key_value_heads", "even"}},
        {"diff_transformer, hidden", "llama, lambda_init: 0.8, hidden", {"models.tiny.lambda_init", "llama"}},
        {"diff_transformer, hidden", "diff_transformer_v2, lambda_init: 0.8, hidden", {"models.tiny.lambda_init"}},
        {"data/haystack/persuasion.txt", "data/corpus/no-such-book.txt", {"no-such-book.txt", "tools/fetch-corpus"}},
        {"seed: 3", "seeds: [1, 1]", {"seeds", "different"}},
        {"seed: 3", "seeds: [1.5]", {"seeds"}},
        {"seed: 3", "seeds: [1]\nseed: 2", {"seeds"}},
        {"seed: 3", "fill: sand", {"fill", "sand", "draw, text or cut"}},
        {"seed: 3", "attention: none", {"attention", "across_documents or within_documents"}},
        {"seed: 3", "validation: {seq_len: 99999, mix: [{kind: text, bytes: [20, 30]}]}", {"seq_len", "99999"}},
        {"bytes: [100, 200]}, {", "bytes: [100, 200], weight: 0}, {kind: copy, weight: -1, bytes: [60, 100]}, {", {"weight"}},
    };
    struct error err;
    struct recipe recipe;
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = make_recipe("r.yaml", 8);
        edit(path, cases[i].from, cases[i].to);
        ck_assert_msg(recipe_load(&recipe, path, &err) == ERR_INPUT, "'%s' is accepted", cases[i].to);
        for (size_t k = 0; k < 4 && cases[i].says[k] != NULL; k++)
            ck_assert_msg(strstr(err.message, cases[i].says[k]) != NULL, "'%s': '%s' does not name '%s'", cases[i].to,
                          err.message, cases[i].says[k]);
        free(path);
    }
    finish();
}
END_TEST

START_TEST(a_text_without_ends_is_trained_on_and_a_blank_one_refused)
{
    struct recipe recipe;
    struct error err = {0};
    struct packed p = {0};
    struct text book = {0};
    start();
    char *path = make_recipe("r", 8), *corpus = in_folder("corpus.txt");
    edit(path, "data/haystack/persuasion.txt", corpus);
    for (int kind = 0; kind < 3; kind++) { /* words on one line, letters without a blank, blanks alone */
        static const char *const pieces[] = {"word and ", "\xc3\xa4\xc3\xb6x", " "};
        book.len = 0;
        while (book.len < 20000)
            text_puts(&book, pieces[kind]);
        ck_assert_int_eq(file_write(corpus, book.data, book.len, &err), OK);
        enum status status = recipe_load(&recipe, path, &err);
        ck_assert_msg((status == OK) == (kind < 2), "corpus %d: %s", kind, err.message);
        for (uint64_t i = 0; i < 8 && status == OK; i++) {
            ck_assert_int_eq(pack_sequence(&p, &recipe, recipe.stages, PACK_TRAINING, i, &err), OK);
            ck_assert_msg(p.n_documents < 10, "%zu of 49 tokens begin documents", p.n_documents);
        }
        if (status == OK)
            recipe_free(&recipe);
        else
            ck_assert_msg(strstr(err.message, "blank") != NULL, "%s", err.message);
    }
    packed_free(&p);
    text_free(&book);
    free(corpus);
    free(path);
    finish();
}
END_TEST

SUITE_MAIN("recipe", what_a_recipe_cannot_mean_is_refused_by_name, a_text_without_ends_is_trained_on_and_a_blank_one_refused,
           sequences_are_full_and_do_not_depend_on_each_other, the_rate_warms_up_and_decays, the_rate_never_jumps,
           shares_are_of_tokens_whatever_the_length_of_documents, no_seed_changes_the_validation_set, a_broken_recipe_is_named)

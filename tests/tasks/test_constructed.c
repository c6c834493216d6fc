/* Each task on models whose behaviour is known: the metric is known too. */
#include "constructed.h"

static char folder[64];

static const char *at(const char *name)
{
    static char paths[8][128];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    struct error err = {0};
    ck_assert_msg(file_write(at(name), text, strlen(text), &err) == OK, "%s", err.message);
}

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    make_uniform(at("uniform"), false);
    make_uniform(at("uniform-diff"), true);
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Runs a task on the named models with one thread and two; both reports must be the same but for `run`. */
static cJSON *evaluate(const char *task, const char *models, const char *options)
{
    cJSON *reports[2];
    for (int threads = 1; threads <= 2; threads++) {
        struct text arguments = {0};
        text_printf(&arguments, "%s --quiet --fresh --threads %d --out %s/report.json ", task, threads, folder);
        for (const char *p = models; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
            text_printf(&arguments, "--model %.*s=%s/%.*s ", (int)strcspn(p, ","), p, folder, (int)strcspn(p, ","), p);
        text_puts(&arguments, options);
        ck_assert_msg(run_eval(arguments.data) == 0, "difftf-eval %s failed", arguments.data);
        text_free(&arguments);
        reports[threads - 1] = valid_report(at("report.json"));
    }
    cJSON *run = cJSON_DetachItemFromObject(reports[1], "run");
    cJSON_DeleteItemFromObject(reports[0], "run");
    ck_assert_msg(cJSON_Compare(reports[0], reports[1], true), "%s: one and two threads give different reports", task);
    cJSON_Delete(run);
    cJSON_Delete(reports[0]);
    return reports[1];
}

START_TEST(needle_finds_all_or_nothing)
{
    begin();
    make_copier(at("copier"));
    cJSON *r = evaluate("needle", "copier,uniform,uniform-diff",
                        "--lengths 256 --depths 0,50,100 --needles 1/1 --samples 1 --max-new-tokens 10 "
                        "--template '{context}\\n{question} number is:'");
    for (int depth = 0; depth <= 100; depth += 50) {
        char place[32];
        snprintf(place, sizeof place, "depth=%d", depth);
        NEAR(metric_of(r, "accuracy", "copier", place), 1, 0);
        NEAR(metric_of(r, "accuracy", "uniform", place), 0, 0);
    }
    /* a flat row, that of the last token of the prompt: each token gets the same, whatever the architecture; at depth 0 the
     * needle's first token is the first of all */
    const cJSON *item = json_path(r, "items")->child;
    double prompt = json_real(item, "results.uniform.evidence.prompt_tokens"), needle;
    needle = (double)strlen("\nThe special magic  number is: 1234567\n") +
             (double)strlen(json_text(item, "results.uniform.evidence.cities.0"));
    static const char *const models[] = {"uniform", "uniform-diff"};
    for (size_t m = 0; m < 2; m++) {
        const cJSON *a = json_path(cJSON_GetObjectItem(json_path(item, "results"), models[m]), "evidence.attention");
        NEAR(json_real(a, "first"), 1 / prompt, 1e-6);
        NEAR(json_real(a, "answer"), (needle - 1) / prompt, 1e-6);
        NEAR(json_real(a, "abs_answer"), (needle - 1) / prompt, 1e-6);
        NEAR(json_real(a, "before"), 0, 1e-6);
    }
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(ruler_asks_what_a_copier_knows)
{
    begin();
    make_copier(at("copier"));
    /* the words before a value end the prompt, too: what follows there is the answer */
    put("form.yaml", "name: made\nniah: \"{context}\\n{query} is:\"\nniah_one: \"{context}\\n{query} is:\"\n"
                     "needle: \"The {type} of {key} is: {value}.\"\nnoise: \"Grass is green and the sky is blue.\"\n"
                     "vt: \"{context}\\n{query}\"\ncwe: \"{context}\\n\"\nfwe: \"{context}\\n\"\nqa: \"{context}\\n{query}\"\n"
                     "document: \"{number}: {document}\"\n");
    char options[256];
    snprintf(options, sizeof options,
             "--form %s --sets niah_single_1,niah_single_2,niah_multikey_2,niah_multivalue,fwe,qa_1 --lengths 1024 --samples 2 "
             "--max-new-tokens 9",
             at("form.yaml"));
    cJSON *r = evaluate("ruler", "copier,uniform-diff", options);
    NEAR(metric_of(r, "accuracy", "copier", "task=niah_single_1"), 1, 0);
    NEAR(metric_of(r, "accuracy", "copier", "task=niah_single_2"), 1, 0);
    NEAR(metric_of(r, "accuracy", "copier", "task=niah_multikey_2"), 1, 0);
    NEAR(metric_of(r, "accuracy", "uniform-diff", NULL), 0, 0);
    const cJSON *item = json_path(r, "items")->child;
    double prompt = json_real(item, "results.copier.evidence.prompt_tokens"),
           line = strlen("\nGrass is green and the sky is blue.");
    ck_assert_msg(prompt <= 1024 - 9 && prompt > 1024 - 9 - line, "a prompt has %g bytes, expected the most whose lines fit 1015",
                  prompt);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(perplexity_of_a_uniform_model_is_the_vocabulary)
{
    begin();
    make_copier(at("copier"));
    struct text text = {0};
    for (int i = 0; i < 40; i++) /* the same 60 bytes again and again */
        text_puts(&text, "It was a bright cold day in April, and clocks struck twelve.\n");
    put("text.txt", text.data);
    text_free(&text);
    char options[256];
    snprintf(options, sizeof options, "--data %s --length 320 --samples 2 --ngram 10 --background none", at("text.txt"));
    cJSON *r = evaluate("perplexity", "uniform,uniform-diff,copier", options);
    NEAR(metric_of(r, "perplexity", "uniform", NULL), BYTE_VOCAB, 1e-3);
    NEAR(metric_of(r, "perplexity", "uniform-diff", NULL), BYTE_VOCAB, 1e-3);
    NEAR(metric_of(r, "nll_cumulative", "uniform", "position=64"), log(BYTE_VOCAB), 1e-6);
    NEAR(metric_of(r, "bits_per_byte", "uniform", NULL), log2(BYTE_VOCAB) * 319 / 320,
         1e-6); /* the first byte is not predicted */
    /* every 10-gram that ends after the first 70 bytes has been there: the copier knows its last byte */
    NEAR(metric_of(r, "share_ar_hit", "copier", NULL), (319 - 69) / 319.0, 1e-8);
    ck_assert_msg(metric_of(r, "nll_ar_hit", "copier", NULL) < 0.01, "the copier's loss on what it saw is %g, expected nearly 0",
                  metric_of(r, "nll_ar_hit", "copier", NULL));
    NEAR(metric_of(r, "nll_ar_hit", "uniform", NULL), log(BYTE_VOCAB), 1e-6);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(choice_scores_by_hand)
{
    begin();
    make_copier(at("copier"));
    put("form.yaml", "name: made\ncontext: \"{c}\"\nchoices: \"{o}\"\ntarget: \"{t}\"\n");
    /* a uniform model gives a choice of n bytes (with its blank) -(n + 1) log 257: the shortest wins acc, and acc_norm the one
     * whose (n + 1) / n is least: the longest */
    put("data.jsonl",
        "{\"c\":\"The old house on the hill is red. The old house on the hill is\",\"o\":[\"blue\",\"red\"],\"t\":1}\n"
        "{\"c\":\"The old horse in the yard is white. The old horse in the yard is\",\"o\":[\"white\",\"old\"],\"t\":0}\n"
        "{\"c\":\"The young man of the town was tall. The young man of the town was\",\"o\":[\"tall\",\"fat\",\"small\"],"
        "\"t\":0}\n");
    char options[256];
    snprintf(options, sizeof options, "--form %s --data %s --shots 0,1", at("form.yaml"), at("data.jsonl"));
    cJSON *r = evaluate("choice", "uniform,copier", options);
    NEAR(metric_of(r, "acc", "copier", "shots=0"), 1, 0);
    NEAR(metric_of(r, "acc", "copier", "shots=1"), 1, 0);
    NEAR(metric_of(r, "acc", "uniform", "shots=0"), 1.0 / 3, 1e-6);
    NEAR(metric_of(r, "acc_norm", "uniform", "shots=0"), 1.0 / 3, 1e-6);
    const cJSON *item = json_path(r, "items")->child;
    NEAR(json_real(item, "results.uniform.evidence.log_p.0"), -5 * log(BYTE_VOCAB), 1e-5);
    NEAR(json_real(item, "results.uniform.evidence.log_p.1"), -4 * log(BYTE_VOCAB), 1e-5);
    NEAR(json_real(item, "results.uniform.evidence.chosen"), 1, 0);
    NEAR(json_real(item, "results.uniform.evidence.chosen_norm"), 0, 0);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(icl_copies_the_label_of_the_same_text)
{
    begin();
    make_copier(at("copier"));
    struct text data = {0};
    for (int i = 0; i < 12; i++)
        text_printf(&data, "{\"text\":\"a sentence with number %c%c%c\",\"label\":\"%s\"}\n", 'a' + i, 'z' - i,
                    'f' + i % 3 * i % 7,
                    i % 3 == 0   ? "one"
                    : i % 3 == 1 ? "only"
                                 : "two");
    put("train.jsonl", data.data);
    put("test.jsonl", data.data);
    text_free(&data);
    for (int total = 0; total < 2; total++) {
        char options[256];
        snprintf(options, sizeof options, "--data %s --length 1024 --shots 4,12 --orders 2 --arrangement random --decode %s",
                 at("train.jsonl"), total ? "total" : "greedy");
        cJSON *r = evaluate("icl", "uniform,copier", options);
        NEAR(metric_of(r, "accuracy", "copier", "shots=12"), 1, 0);
        NEAR(metric_of(r, "margin", "copier", "shots=12"), 0, 0);
        /* equal logits: the first label of the trie, "one" */
        NEAR(metric_of(r, "accuracy", "uniform", "shots=12"), 4.0 / 12, 1e-6);
        cJSON_Delete(r);
    }
    end();
}
END_TEST

START_TEST(hallucination_is_judged_free_or_not)
{
    begin();
    make_copier(at("copier"));
    put("data.jsonl", "{\"document\":\"Rosalind lives in Gotham and is a baker.\\n\",\"question\":\"Rosalind "
                      "lives\",\"answer\":\"in Gotham\",\"facts\":"
                      "[{\"subject\":\"Rosalind\",\"relation\":\"lives in\",\"object\":\"Gotham\"}]}\n"
                      "{\"document\":\"Ferdinand lives in Verona and is a judge.\\n\",\"question\":\"Ferdinand "
                      "lives\",\"answer\":\"in Verona\","
                      "\"facts\":[{\"subject\":\"Ferdinand\",\"relation\":\"lives in\",\"object\":\"Verona\"}]}\n");
    char options[400];
    snprintf(options, sizeof options,
             "--data %s --form question --question-template '{document}\\n{question}' --max-new-tokens 25 --judge lexical",
             at("data.jsonl"));
    cJSON *r = evaluate("hallucination", "copier", options);
    NEAR(metric_of(r, "accuracy", "copier", NULL), 1, 0);
    ck_assert_str_eq(json_text(r, "items.0.results.copier.output"), "in Gotham and is a baker");
    cJSON_Delete(r);
    strcat(options, " --judge facts");
    r = evaluate("hallucination", "uniform,uniform-diff", options); /* says nothing: no claim holds */
    NEAR(metric_of(r, "accuracy", "uniform", NULL), 0, 0);
    NEAR(metric_of(r, "lookback_ratio", "uniform", NULL), 0.5, 1e-6); /* flat attention: as much on a token of either part */
    NEAR(metric_of(r, "lookback_ratio", "uniform-diff", NULL), 0.5, 1e-6);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(outliers_of_known_activations)
{
    begin();
    make_copier(at("copier"));
    char options[256];
    snprintf(options, sizeof options, "--tokens 512 --length 128 --groups 2 --documents 2 --samples 1 --bits 16,4");
    cJSON *r = evaluate("outliers", "uniform,copier", options);
    NEAR(metric_of(r, "top_1", "uniform", "activation=attention_logits"), 0, 0);
    NEAR(metric_of(r, "median", "uniform", "activation=hidden_states"), 0, 0);
    /* the stream is made of +-1 codes: the largest are the ones themselves, to rounding */
    NEAR(metric_of(r, "top_1", "copier", "activation=hidden_states"), 1, 0.02);
    NEAR(metric_of(r, "perplexity", "uniform", "bits=4"), BYTE_VOCAB, 1e-3); /* rounding zeros changes nothing */
    NEAR(metric_of(r, "perplexity", "uniform", "bits=16"), BYTE_VOCAB, 1e-3);
    double rows = metric_of(r, "perplexity", "copier", "bits=4"), exact = metric_of(r, "perplexity", "copier", "bits=16");
    cJSON_Delete(r);
    strcat(options, " --round tensor"); /* the step of the largest logit of all is coarser; without rounding nothing changes */
    r = evaluate("outliers", "uniform,copier", options);
    NEAR(metric_of(r, "perplexity", "copier", "bits=16"), exact, 1e-6 * exact);
    ck_assert_msg(fabs(metric_of(r, "perplexity", "copier", "bits=4") - rows) > 1e-3 * rows,
                  "4 bits a tensor give the perplexity %g of 4 bits a row", rows);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(scaling_finds_the_law)
{
    begin();
    struct text data = {0};
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < 6; i++) {
            double n = 1e5 * pow(2, i);
            text_printf(&data, "{\"model\":\"%s\",\"n_params\":%.0f,\"tokens\":1e6,\"loss\":%.12g}\n", m ? "diff" : "base", n,
                        (m ? 30 : 40) * pow(n, -0.3) + 1.5);
        }
    put("runs.jsonl", data.data);
    text_free(&data);
    char options[256];
    snprintf(options, sizeof options, "--data %s", at("runs.jsonl"));
    cJSON *r = evaluate("scaling", "", options);
    NEAR(metric_of(r, "fit_b", "base", NULL), 0.3, 1e-4);
    NEAR(metric_of(r, "fit_c", "base", NULL), 1.5, 1e-4);
    NEAR(metric_of(r, "fit_a", "diff", NULL), 30, 0.02);
    NEAR(metric_of(r, "equal_loss_ratio", "diff", NULL), pow(30.0 / 40, 1 / 0.3), 1e-4);
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(throughput_measures_every_work)
{
    begin();
    char arguments[400];
    snprintf(arguments, sizeof arguments,
             "throughput --work prefill,decode,train --quiet --fresh --samples 2 --lengths 64 --model a=%s --model b=%s --out %s",
             at("uniform"), at("uniform-diff"), at("report.json"));
    ck_assert_int_eq(run_eval(arguments), 0);
    cJSON *r = valid_report(at("report.json"));
    static const char *const works[] = {"work=prefill", "work=decode", "work=train"};
    for (size_t i = 0; i < 3; i++)
        ck_assert(metric_of(r, "tokens_per_second", "b", works[i]) > 0);
    cJSON_Delete(r);
    end();
}
END_TEST

SUITE_MAIN("constructed models", needle_finds_all_or_nothing, ruler_asks_what_a_copier_knows,
           perplexity_of_a_uniform_model_is_the_vocabulary, choice_scores_by_hand, icl_copies_the_label_of_the_same_text,
           hallucination_is_judged_free_or_not, outliers_of_known_activations, scaling_finds_the_law,
           throughput_measures_every_work)

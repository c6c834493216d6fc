/* Records, documents, templates, and what multiple-choice forms and many-shot prompts make of them. */
#include "base/file.h"
#include "suite/dataset.h"
#include "suite/template.h"
#include "suite_main.h"
#include "tasks/choice_form.h"
#include "tasks/icl_prompt.h"

#include <string.h>
#include <unistd.h>

static void expect(const char *template, const char *record, const char *want)
{
    struct text out = {0};
    struct error err = {0};
    cJSON *json = cJSON_Parse(record);
    enum status status = template_expand(&out, template, json, "record 1", &err);
    if (want != NULL)
        ck_assert_msg(status == OK && strcmp(out.data, want) == 0, "'%s' gives '%s' (%s), expected '%s'", template,
                      out.data ? out.data : "", err.message, want);
    else
        ck_assert_msg(status == ERR_INPUT && strstr(err.message, "record 1") == err.message, "'%s' gives no error", template);
    text_free(&out);
    cJSON_Delete(json);
}

START_TEST(templates_are_filled)
{
    expect("Q: {a}\nA:", "{\"a\":\"x{y}\"}", "Q: x{y}\nA:");
    expect("{a.b} {c.1} {n} {t}", "{\"a\":{\"b\":\"in\"},\"c\":[\"0\",\"1\"],\"n\":1.5,\"t\":true}", "in 1 1.5 true");
    expect("{{a}} {a|strip}|", "{\"a\":\" \\n x \"}", "{a} x|");
    expect("{a|lower|capitalize}", "{\"a\":\"THE end\"}", "The end");
    expect("{a|before:_}+{a|after:_|strip}", "{\"a\":\"one _ two\"}", "one +two");
    expect("{a|clean}", "{\"a\":\" Roof [title] Check it. [step] Go  on   now \"}", "Roof. Check it. Go on  now");
    expect("{b}", "{\"a\":1}", NULL);
    expect("{a", "{\"a\":1}", NULL);
    expect("{a|shout}", "{\"a\":\"x\"}", NULL);
    expect("{a}", "{\"a\":[1,\"x\"]}", "1, x");
    expect("{a}", "{\"a\":[[1]]}", NULL);
    expect("{a}", "{\"a\":[]}", NULL);
}
END_TEST

static const char *temporary(const char *suffix, const char *text)
{
    static char path[96];
    struct error err = {0};
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld%s", (long)getpid(), suffix);
    ck_assert_int_eq(file_write(path, text, strlen(text), &err), OK);
    return path;
}

START_TEST(json_lines_are_read_and_renamed)
{
    struct dataset d;
    struct error err = {0};
    const char *text, *path = temporary(".jsonl", "{\"sentence\":\"a\",\"label\":3}\n\n{\"sentence\":\"b\",\"label\":\"x\"}");
    char buffer[32];
    ck_assert_msg(dataset_load(&d, path, "text=sentence", &err) == OK, "%s", err.message);
    ck_assert_uint_eq(d.n, 2);
    ck_assert_int_eq(dataset_text(&d, 1, "text", buffer, &text, &err), OK);
    ck_assert_str_eq(text, "b");
    ck_assert_int_eq(dataset_text(&d, 0, "label", buffer, &text, &err), OK);
    ck_assert_str_eq(text, "3");
    ck_assert_int_eq(dataset_text(&d, 0, "none", buffer, &text, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "record 1"));
    dataset_free(&d);
    ck_assert_int_eq(dataset_load(&d, path, "text=words", &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "words"));
    ck_assert_int_eq(dataset_load(&d, path, "text", &err), ERR_USAGE);
    ck_assert_int_eq(dataset_load(&d, temporary(".jsonl", "{\"a\":1}\nnot json\n"), NULL, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "line 2"));
    ck_assert_int_eq(dataset_load(&d, temporary(".jsonl", "\n"), NULL, &err), ERR_INPUT);
    ck_assert_int_eq(dataset_load(&d, temporary(".jsonl", "{\"a\":\"\xff\"}\n"), NULL, &err), ERR_INPUT);
    unlink(path);
}
END_TEST

START_TEST(values_of_every_kind_are_text)
{
    struct dataset d;
    struct error err = {0};
    const char *text, *path = temporary(".jsonl", "{\"a.b\":\"dotted\",\"t\":true,\"one\":[\"x\"],\"two\":[\"x\",\"y\"]}\n");
    static const struct {
        const char *field, *want;
    } cases[] = {{"a.b", "dotted"}, {"t", "true"}, {"one", "x"}, {"one.0", "x"}, {"two.1", "y"}, {"two", NULL}, {"two.x", NULL}};
    char buffer[32];
    ck_assert_int_eq(dataset_load(&d, path, NULL, &err), OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum status status = dataset_text(&d, 0, cases[i].field, buffer, &text, &err);
        ck_assert_msg((status == OK) == (cases[i].want != NULL), "%s: status %d", cases[i].field, status);
        ck_assert_msg(status != OK || strcmp(text, cases[i].want) == 0, "%s is '%s'", cases[i].field, text);
    }
    dataset_free(&d);
    unlink(path);
}
END_TEST

START_TEST(a_text_with_nul_is_kept_whole)
{
    struct documents d;
    struct error err = {0};
    static const char bytes[] = "One sentence.\0 Behind it. The end.\n";
    const char *path = temporary(".txt", "");
    ck_assert_int_eq(file_write(path, bytes, sizeof bytes - 1, &err), OK);
    ck_assert_msg(documents_load(&d, path, 1, 1000, NULL, &err) == OK, "%s", err.message);
    ck_assert_uint_eq(d.length[0], sizeof bytes - 1);
    ck_assert_mem_eq(d.text[0], bytes, sizeof bytes);
    documents_free(&d);
    unlink(path);
}
END_TEST

START_TEST(a_text_is_cut_into_documents_that_do_not_overlap)
{
    struct documents d;
    struct error err = {0};
    struct text text = {0};
    for (int i = 0; i < 100; i++)
        text_printf(&text, "This is sentence number %02d.\n", i); /* 28 bytes */
    const char *path = temporary(".txt", text.data);
    ck_assert_int_eq(documents_load(&d, path, 3, 280, NULL, &err), OK);
    ck_assert_uint_eq(d.n, 3);
    ck_assert(strncmp(d.text[0], "This is sentence number 00", 26) == 0 &&
              strncmp(d.text[1], "This is sentence number 10", 26) == 0);
    documents_free(&d);
    ck_assert_int_eq(documents_load(&d, path, 100, 280, NULL, &err), OK);
    ck_assert_uint_eq(d.n, 10);
    documents_free(&d);
    ck_assert_int_eq(documents_load(&d, "/nowhere", 3, 280, NULL, &err), ERR_INPUT);
    text_free(&text);
    unlink(path);
}
END_TEST

static struct question make(const char *form_name, const char *record)
{
    struct choice_form form;
    struct question q;
    struct error err = {0};
    cJSON *json = cJSON_Parse(record);
    ck_assert_msg(choice_form_load(&form, form_name, &err) == OK, "%s", err.message);
    ck_assert_msg(question_make(&q, &form, json, "record 1", &err) == OK, "%s", err.message);
    cJSON_Delete(json);
    choice_form_free(&form);
    return q;
}

/* The prompt forms of the LM Evaluation Harness, on records as the publishers write them. */
START_TEST(choice_forms_follow_the_harness)
{
    struct question q = make("configs/choice/piqa.yaml", "{\"goal\":\"G\",\"sol1\":\"one\",\"sol2\":\"two\",\"label\":1}");
    ck_assert_str_eq(q.context[0].data, "Question: G\nAnswer:");
    ck_assert_str_eq(q.continuation[1].data, "two");
    ck_assert_uint_eq(q.target, 1);
    question_free(&q);
    q = make(
        "configs/choice/arc-easy.yaml",
        "{\"question\":\"Q?\",\"choices\":{\"text\":[\"a\",\"b\",\"c\"],\"label\":[\"A\",\"B\",\"C\"]},\"answerKey\":\"C\"}");
    ck_assert_str_eq(q.context[2].data, "Question: Q?\nAnswer:");
    ck_assert_uint_eq(q.n, 3);
    ck_assert_uint_eq(q.target, 2);
    question_free(&q);
    q = make(
        "configs/choice/openbookqa.yaml",
        "{\"question_stem\":\"The sun is\",\"choices\":{\"text\":[\"a\",\"b\"],\"label\":[\"A\",\"B\"]},\"answerKey\":\"B \"}");
    ck_assert_str_eq(q.context[0].data, "The sun is");
    ck_assert_uint_eq(q.target, 1);
    question_free(&q);
    q = make("configs/choice/boolq.yaml", "{\"passage\":\"P.\",\"question\":\"is it\",\"answer\":true}");
    ck_assert_str_eq(q.context[0].data, "P.\nQuestion: is it?\nAnswer:");
    ck_assert_str_eq(q.continuation[q.target].data, "yes");
    question_free(&q);
    q = make("configs/choice/hellaswag.yaml", "{\"activity_label\":\"Roof\",\"ctx_a\":\"A man [step] "
                                              "sits.\",\"ctx_b\":\"he\",\"endings\":[\"is [title] up\",\"b\"],\"label\":\"0\"}");
    ck_assert_str_eq(q.context[0].data, "Roof: A man sits. He");
    ck_assert_str_eq(q.continuation[0].data, "is. up");
    question_free(&q);
    q = make("configs/choice/winogrande.yaml",
             "{\"sentence\":\"Ann thanked Bea because _ had helped.\",\"option1\":\"Ann\",\"option2\":\"Bea\",\"answer\":\"2\"}");
    ck_assert_str_eq(q.context[0].data, "Ann thanked Bea because Ann");
    ck_assert_str_eq(q.context[1].data, "Ann thanked Bea because Bea");
    ck_assert_str_eq(q.continuation[0].data, "had helped.");
    ck_assert_uint_eq(q.target, 1);
    question_free(&q);
}
END_TEST

START_TEST(targets_are_compared_whole_and_may_be_several)
{
    static const char form[] = "name: x\ncontext: \"{q}\"\nchoices: \"{c}\"\nlabels: \"{c}\"\ntarget: \"{t}\"\n";
    static const char bare[] = "name: x\ncontext: \"{q}\"\nchoices: \"{c}\"\ntarget: \"{t}\"\n";
    static const struct {
        const char *form, *record;
        size_t target;
        bool right[3];
    } cases[] = {
        {form,
         "{\"q\":\"\",\"c\":[\"the same forty characters as in the other, 1\",\"the same forty characters as in the other, "
         "2\",\"x\"],"
         "\"t\":\"the same forty characters as in the other, 2\"}",
         1,
         {false, true, false}},
        {form, "{\"q\":\"\",\"c\":[\"a\",\"True\",\"c\"],\"t\":true}", 1, {false, true, false}},
        {bare, "{\"q\":\"\",\"c\":[\"no\",\"yes\",\"c\"],\"t\":true}", 1, {false, true, false}},
        {bare, "{\"q\":\"\",\"c\":[\"a\",\"b\",\"c\"],\"t\":[2,0]}", 0, {true, false, true}},
        {form, "{\"q\":\"\",\"c\":[\"a\",\"b\",\"c\"],\"t\":[\"c\",\"b\"]}", 1, {false, true, true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = temporary(".yaml", cases[i].form);
        struct question q = make(path, cases[i].record);
        ck_assert_msg(q.target == cases[i].target, "case %zu: target %zu", i, q.target);
        for (size_t k = 0; k < 3; k++)
            ck_assert_msg(q.right[k] == cases[i].right[k], "case %zu: choice %zu", i, k);
        question_free(&q);
        unlink(path);
    }
}
END_TEST

START_TEST(wrong_records_and_forms_are_named)
{
    static const struct {
        const char *form, *record, *says;
    } cases[] = {
        {"name: x\ncontext: \"{c}\"\nchoices: [\"{a}\", \"{b}\"]\ntarget: \"{t}\"\n",
         "{\"c\":\"\",\"a\":\"x\",\"b\":\"y\",\"t\":2}", "target"},
        {"name: x\ncontext: \"{c}\"\nchoices: \"{a}\"\ntarget: \"{t}\"\n", "{\"c\":\"\",\"a\":[\"x\"],\"t\":0}", "choices"},
        {"name: x\ncontext: \"{c}\"\nchoices: \"{a}\"\ntarget: \"{t}\"\n", "{\"a\":[\"x\",\"y\"],\"t\":0}", "'c'"},
        {"name: x\nchoices: \"{a}\"\ntarget: \"{t}\"\n", NULL, "context"},
        {"name: x\ncontext: \"{c}\"\nchoices: \"{a}\"\n", NULL, "target"},
        {"name: x\ncontext: \"{c}\"\ntarget: \"{t}\"\n", NULL, "choices"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct choice_form form;
        struct question q;
        struct error err = {0};
        const char *path = temporary(".yaml", cases[i].form);
        enum status status = choice_form_load(&form, path, &err);
        if (cases[i].record != NULL) {
            cJSON *json = cJSON_Parse(cases[i].record);
            ck_assert_msg(status == OK, "%s", err.message);
            status = question_make(&q, &form, json, "record 1", &err);
            cJSON_Delete(json);
            choice_form_free(&form);
        }
        ck_assert_msg(status == ERR_INPUT && strstr(err.message, cases[i].says) != NULL, "case %zu: %d '%s', expected '%s'", i,
                      (int)status, err.message, cases[i].says);
        unlink(path);
    }
}
END_TEST

START_TEST(orders_permute_the_same_demonstrations)
{
    struct dataset d;
    struct labelled l;
    struct icl_form form;
    struct error err = {0};
    struct text data = {0};
    for (int i = 0; i < 30; i++)
        text_printf(&data, "{\"text\":\"t%d\",\"label\":\"%c\"}\n", i, 'a' + i % 3);
    const char *path = temporary(".jsonl", data.data);
    ck_assert_int_eq(dataset_load(&d, path, NULL, &err), OK);
    ck_assert_int_eq(icl_form_load(&form, "configs/icl/plain.yaml", &err), OK);
    ck_assert_int_eq(labelled_read(&l, &d, &form, NULL, &err), OK);
    ck_assert_uint_eq(l.n_labels, 3);
    size_t order[3][12], count[30] = {0};
    for (size_t k = 0; k < 3; k++) {
        ck_assert(icl_order(order[k], &l, 12, ARRANGE_RANDOM, k, 1));
        for (size_t i = 0; i < 12; i++)
            count[order[k][i]]++;
    }
    size_t used = 0;
    for (size_t i = 0; i < 30; i++) {
        ck_assert(count[i] == 0 || count[i] == 3); /* the same ones each time */
        used += count[i] == 3;
    }
    ck_assert_uint_eq(used, 12);
    ck_assert(memcmp(order[0], order[1], sizeof order[0]) != 0 && memcmp(order[1], order[2], sizeof order[0]) != 0);
    size_t turn[12], per[3] = {0};
    ck_assert(icl_order(turn, &l, 12, ARRANGE_ALTERNATE, 1, 1));
    for (size_t i = 0; i < 12; i++)
        per[l.label[turn[i]]]++;
    for (size_t i = 0; i + 1 < 9; i++) /* while every class has some left, neighbours differ */
        if (per[0] >= 3 && per[1] >= 3 && per[2] >= 3)
            ck_assert_uint_ne(l.label[turn[i]], l.label[turn[i + 1]]);
    struct text text = {0};
    const size_t two[] = {0, 1};
    ck_assert(icl_demonstrations(&text, &l, &form, two, 2));
    ck_assert_str_eq(text.data, "t0\na\n==\nt1\nb\n==\n");
    text_free(&text);
    text_free(&data);
    labelled_free(&l);
    icl_form_free(&form);
    dataset_free(&d);
    unlink(path);
}
END_TEST

/* The same records as JSON lines and CSV; Parquet's are tests/fixtures/parquet/squad.parquet. */
static void expect_mapped(const char *path, const char *fields, const char *field, const char *want)
{
    struct dataset d;
    struct error err = {0};
    ck_assert_msg(dataset_load(&d, path, fields, &err) == OK, "%s", err.message);
    char *got = cJSON_PrintUnformatted(json_path(d.record[0], field));
    ck_assert_msg(strcmp(got, want) == 0, "%s, %s: %s is %s, expected %s", path, fields, field, got, want);
    free(got);
    dataset_free(&d);
}

static void refuse_mapped(const char *path, const char *fields, enum status want, const char *says)
{
    struct dataset d;
    struct error err = {0};
    ck_assert_msg(dataset_load(&d, path, fields, &err) == want && strstr(err.message, says), "%s: '%s' does not say '%s'", fields,
                  err.message, says);
}

START_TEST(fields_are_paths_lists_and_constants_in_every_format)
{
    static const char *const parquet = "tests/fixtures/parquet/squad.parquet";
    const char *lines =
        temporary(".jsonl", "{\"context\":\"Ann lives in Rome.\",\"question\":\"Where?\",\"answers\":{\"text\":[\"Rome\",\"in "
                            "Rome\"]},\"spans\":[{\"text\":\"a\"},{\"text\":\"b\"}]}\n");
    for (int p = 0; p < 2; p++) {
        const char *path = p ? parquet : lines;
        expect_mapped(path, "answer=answers.text.0", "answer", "\"Rome\"");
        expect_mapped(path, "answer=answers.text", "answer", "[\"Rome\",\"in Rome\"]");
        expect_mapped(path, "question=context,context=question", "context", "\"Where?\"");
        expect_mapped(path, "label='yes, it is',document=context", "label", "\"yes, it is\"");
        expect_mapped(path, "label=\"it's\"", "label", "\"it's\"");
        refuse_mapped(path, "answer=answers.text.7", ERR_INPUT, "record 1: field 'answers.text.7' is missing");
    }
    refuse_mapped(parquet, "answer=answers.text.1", ERR_INPUT, "record 2: field 'answers.text.1' is missing");
    expect_mapped(lines, "answer=spans.text", "answer", "[\"a\",\"b\"]");
    expect_mapped(lines, "answer=spans.1.text", "answer", "\"b\"");
    refuse_mapped(lines, "answer=spans.word", ERR_INPUT, "'spans.word' is missing");
    refuse_mapped(lines, "label='open", ERR_USAGE, "NAME='TEXT'");
    refuse_mapped(lines, "label='a'b", ERR_USAGE, "NAME='TEXT'");
    refuse_mapped(lines, "=a", ERR_USAGE, "NAME=FIELD");
    refuse_mapped(lines, "a=", ERR_USAGE, "NAME=FIELD");
    unlink(lines);
    const char *csv = temporary(".csv", "text,a.b,label\nx,dotted,1\n");
    expect_mapped(csv, "new=a.b,kind='csv'", "new", "\"dotted\"");
    expect_mapped(csv, "new=a.b,kind='csv'", "kind", "\"csv\"");
    expect_mapped(csv, "text=label,label=text", "text", "\"1\"");
    refuse_mapped(csv, "new=a.c", ERR_INPUT, "'a.c' is missing");
    unlink(csv);
}
END_TEST

SUITE_MAIN("datasets", values_of_every_kind_are_text, a_text_with_nul_is_kept_whole,
           targets_are_compared_whole_and_may_be_several, templates_are_filled, json_lines_are_read_and_renamed,
           fields_are_paths_lists_and_constants_in_every_format, a_text_is_cut_into_documents_that_do_not_overlap,
           choice_forms_follow_the_harness, wrong_records_and_forms_are_named, orders_permute_the_same_demonstrations)

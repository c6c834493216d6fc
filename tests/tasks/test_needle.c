/* The needle task: its prompts token by token, and the whole command on the embedded pair. */
#include "tasks/needle_attention.h"

#include "base/file.h"
#include "formats/json.h"
#include "lm/holdout.h"
#include "suite_main.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct haystack hay;
static struct subject subject;
static const struct experiment experiment = {.seed = 1, .common.bos = BOS_NEVER};

static void open_data(void)
{
    struct error err = {0};
    ck_assert_msg(haystack_load(&hay, "data/haystack/persuasion.txt", &err) == OK, "%s", err.message);
    ck_assert_msg(tokenizer_load(&subject.tokenizer, "models/transformer", &err) == OK, "%s", err.message);
}

static void close_data(void)
{
    haystack_free(&hay);
    tokenizer_free(subject.tokenizer);
}

static struct needle_request request(double depth, size_t needles, size_t asked, const char *id)
{
    return (struct needle_request){&experiment, &subject, &hay, NEEDLE_TEMPLATE, 512, 30 * asked, needles, asked, depth, id};
}

static char *text_of(const struct needle_prompt *p, size_t from, size_t to)
{
    struct text t = {0};
    struct error err;
    ck_assert_int_eq(tokenizer_decode(subject.tokenizer, p->ids.data + from, to - from, true, &t, &err), OK);
    return t.data;
}

START_TEST(prompts_have_the_exact_length_and_hold_their_needles)
{
    open_data();
    for (size_t asked = 1; asked <= 3; asked++)
        for (double depth = 0; depth <= 100; depth += 12.5) {
            struct needle_prompt p;
            struct error err = {0};
            struct needle_request r = request(depth, 4, asked, "x");
            ck_assert_msg(needle_prompt_build(&p, &r, &err) == OK, "%s", err.message);
            ck_assert_uint_eq(p.ids.n, 512 - 30 * asked);
            char *text = text_of(&p, 0, p.ids.n);
            for (size_t i = 0; i < asked; i++) {
                char needle[96];
                snprintf(needle, sizeof needle, "\nThe special magic %s number is: %ld\n", p.cities[i], p.numbers[i]);
                ck_assert_msg(strstr(text, needle) != NULL, "'%s' is not in the prompt", needle);
            }
            ck_assert_str_eq(text + strlen(text) - 9, "?\nAnswer:");
            free(text);
            needle_prompt_free(&p);
        }
    close_data();
}
END_TEST

START_TEST(questions_name_one_two_or_more_cities)
{
    static const char *const forms[] = {"What is the special magic number for %s?",
                                        "What are the special magic numbers for %s, and %s?",
                                        "What are the special magic numbers for %s, %s, and %s?"};
    open_data();
    for (size_t asked = 1; asked <= 3; asked++) {
        struct needle_prompt p;
        struct error err = {0};
        struct needle_request r = request(50, 3, asked, "q");
        char question[256];
        ck_assert_int_eq(needle_prompt_build(&p, &r, &err), OK);
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(question, sizeof question, forms[asked - 1], p.cities[0], asked > 1 ? p.cities[1] : "",
                 asked > 2 ? p.cities[2] : "");
        char *text = text_of(&p, 0, p.ids.n);
        ck_assert_msg(strstr(text, question) != NULL, "'%s' is not in the prompt", question);
        free(text);
        needle_prompt_free(&p);
    }
    close_data();
}
END_TEST

START_TEST(asked_needles_stand_at_the_depth_after_a_sentence)
{
    open_data();
    for (double depth = 0; depth <= 100; depth += 25) {
        struct needle_prompt p;
        struct error err = {0};
        struct needle_request r = request(depth, 2, 2, "d");
        ck_assert_int_eq(needle_prompt_build(&p, &r, &err), OK);
        size_t before = p.asked[0].from - p.context.from, all = p.context.to - p.context.from;
        all -= p.asked[0].to - p.asked[0].from + p.asked[1].to - p.asked[1].from;
        double wanted = (double)all * depth / 100;
        ck_assert_msg(p.asked[0].to == p.asked[1].from, "depth %g: the asked needles do not follow one another", depth);
        ck_assert_msg((double)before <= wanted + 2 && (depth < 100 || before == all) && (double)before >= wanted - 150,
                      "depth %g: %zu of %zu haystack tokens stand before", depth, before, all);
        for (size_t i = 0; i < 2; i++) {
            char needle[96], *text = text_of(&p, p.asked[i].from, p.asked[i].to);
            snprintf(needle, sizeof needle, "The special magic %s number is: %ld\n", p.cities[i], p.numbers[i]);
            ck_assert_msg(strstr(text, needle) != NULL && strlen(text) <= strlen(needle) + 2, "needle %zu stands at '%s'", i,
                          text);
            free(text);
        }
        needle_prompt_free(&p);
    }
    close_data();
}
END_TEST

/* Chinese, code, one long line: where no sentence ends nearby, the depth itself is the place. */
START_TEST(a_haystack_without_sentences_has_depths_too)
{
    struct haystack plain = {0};
    struct error err = {0};
    struct text text = {0};
    char path[64];
    open_data();
    for (int i = 0; i < 3000; i++)
        text_puts(&text, i % 7 ? "\xe5\xb1\xb1" : "x_1 ");
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    ck_assert_int_eq(file_write(path, text.data, text.len, &err), OK);
    ck_assert_int_eq(haystack_load(&plain, path, &err), OK);
    for (double depth = 0; depth <= 100; depth += 25) {
        struct needle_prompt p;
        struct needle_request r = request(depth, 1, 1, "z");
        r.haystack = &plain;
        r.length = 1500;
        ck_assert_msg(needle_prompt_build(&p, &r, &err) == OK, "%s", err.message);
        size_t all = p.context.to - p.context.from - (p.asked[0].to - p.asked[0].from);
        double share = 100 * (double)(p.asked[0].from - p.context.from) / (double)all;
        ck_assert_msg(fabs(share - depth) < 1.5, "depth %g: the needle stands at %g %%", depth, share);
        ck_assert_uint_eq(p.ids.n, 1500 - 30);
        needle_prompt_free(&p);
    }
    unlink(path);
    text_free(&text);
    haystack_free(&plain);
    close_data();
}
END_TEST

/* The rows whose attention counts: those that predict the first digit. */
START_TEST(the_reference_answer_says_where_numbers_begin)
{
    open_data();
    struct needle_prompt p;
    struct needle_reference a;
    struct error err = {0};
    struct needle_request r = request(50, 4, 3, "ref");
    ck_assert_int_eq(needle_prompt_build(&p, &r, &err), OK);
    ck_assert_int_eq(needle_reference_build(&a, &p, &r, NEEDLE_REFERENCE, &err), OK);
    ck_assert_uint_eq(a.common, p.ids.n);
    for (size_t i = 0; i < 3; i++) {
        struct text t = {0};
        char digits[16], sentence[96];
        snprintf(digits, sizeof digits, "%ld.", p.numbers[i]);
        snprintf(sentence, sizeof sentence, " The special magic %s number is: %ld.", p.cities[i], p.numbers[i]);
        ck_assert_int_eq(
            tokenizer_decode(subject.tokenizer, a.ids.data + a.number[i], a.rows[i].to - a.number[i], true, &t, &err), OK);
        ck_assert_str_eq(t.data, digits);
        text_free(&t);
        ck_assert_int_eq(
            tokenizer_decode(subject.tokenizer, a.ids.data + a.rows[i].from, a.rows[i].to - a.rows[i].from, true, &t, &err), OK);
        ck_assert_str_eq(t.data, sentence);
        text_free(&t);
    }
    needle_reference_free(&a);
    needle_prompt_free(&p);
    close_data();
}
END_TEST

START_TEST(items_do_not_depend_on_each_other)
{
    struct needle_prompt a, b, c;
    struct error err = {0};
    open_data();
    struct needle_request ra = request(50, 2, 1, "a"), rc = request(50, 2, 1, "c");
    ck_assert_int_eq(needle_prompt_build(&a, &ra, &err), OK);
    ck_assert_int_eq(needle_prompt_build(&c, &rc, &err), OK);
    ck_assert_int_eq(needle_prompt_build(&b, &ra, &err), OK);
    ck_assert(a.ids.n == b.ids.n && memcmp(a.ids.data, b.ids.data, a.ids.n * 4) == 0);
    ck_assert(memcmp(a.ids.data, c.ids.data, a.ids.n * 4) != 0);
    ck_assert_int_eq((int)(hash_u64((uint64_t)a.numbers[0]) & 1), 1); /* held out of training */
    needle_prompt_free(&a);
    needle_prompt_free(&b);
    needle_prompt_free(&c);
    close_data();
}
END_TEST

START_TEST(a_short_haystack_wraps_around)
{
    struct haystack small;
    struct text text = {0};
    struct error err = {0};
    char path[64];
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    ck_assert_int_eq(file_write(path, "One sentence. Another one.\n", 27, &err), OK);
    ck_assert_int_eq(haystack_load(&small, path, &err), OK);
    ck_assert_int_eq(haystack_text(&small, 14, 40, &text, &err), OK);
    ck_assert_str_eq(text.data, "Another one.\nOne sentence. Another one.\n");
    unlink(path);
    text_free(&text);
    haystack_free(&small);
}
END_TEST

START_TEST(impossible_requests_are_refused)
{
    struct needle_prompt p;
    struct error err = {0};
    open_data();
    struct needle_request r = request(50, 30, 1, "x");
    r.length = 128;
    ck_assert_int_eq(needle_prompt_build(&p, &r, &err), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.message, "--lengths"));
    ck_assert_int_eq(needle_check_template("{context} only", &err), ERR_USAGE);
    ck_assert_int_eq(needle_check_template("{question} {context}", &err), ERR_USAGE);
    ck_assert_int_eq(needle_check_template("{context}{question}{question}", &err), ERR_USAGE);
    close_data();
}
END_TEST

/* The whole command. */

static char out_path[64];

static int evaluate(const char *options)
{
    char command[512];
    const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
    snprintf(out_path, sizeof out_path, "/tmp/difftf-test-%ld.json", (long)getpid());
    snprintf(command, sizeof command,
             "%s/difftf-eval needle --lengths 256 --depths 0,100 --needles 1/1,2/2 --samples 2 --quiet --out %s %s", build,
             out_path, options);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static cJSON *read_report(void)
{
    cJSON *report;
    struct error err = {0};
    char command[128];
    snprintf(command, sizeof command, "tests/validate-report %s", out_path);
    ck_assert_msg(system(command) == 0, "%s does not follow docs/report.schema.json", out_path);
    ck_assert_msg(json_read(&report, out_path, &err) == OK, "%s", err.message);
    return report;
}

static void expect_member(const cJSON *object, const char *key, int type)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    ck_assert_msg(item != NULL && (item->type & 0xff & type) != 0, "member '%s' is missing or of another type", key);
}

/* No NaN, and numbers of at most nine digits. */
static void check_numbers(const cJSON *at)
{
    for (const cJSON *c = at->child; c != NULL; c = c->next)
        check_numbers(c);
    if (cJSON_IsNumber(at)) {
        char digits[40];
        snprintf(digits, sizeof digits, "%.9g", at->valuedouble);
        ck_assert_msg(strtod(digits, NULL) == at->valuedouble, "%.17g has more than nine digits", at->valuedouble);
    }
}

START_TEST(the_report_is_complete)
{
    const cJSON *row, *m;
    size_t n = 0, accuracies = 0;
    ck_assert_int_eq(evaluate("--fresh"), 0);
    cJSON *report = read_report();
    check_numbers(report);
    ck_assert_str_eq(cJSON_GetObjectItem(report, "schema")->valuestring, "difftf-eval/report/1");
    ck_assert_str_eq(cJSON_GetObjectItem(report, "task")->valuestring, "needle");
    static const char *const options[] = {"lengths", "depths", "needles", "samples", "seed", "template", "max-new-tokens"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        ck_assert_msg(cJSON_HasObjectItem(cJSON_GetObjectItem(report, "options"), options[i]), "option %s is not in the report",
                      options[i]);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(report, "models")), 2);
    cJSON_ArrayForEach(m, cJSON_GetObjectItem(report, "models"))
    {
        static const char *const strings[] = {"name", "family", "path", "sha256", "tokenizer_sha256"};
        for (size_t i = 0; i < 5; i++)
            expect_member(m, strings[i], cJSON_String);
        expect_member(m, "n_params", cJSON_Number);
        ck_assert_uint_eq(strlen(cJSON_GetObjectItem(m, "sha256")->valuestring), 64);
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(report, "data"))
    {
        expect_member(row, "sha256", cJSON_String);
        expect_member(row, "records", cJSON_Number);
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(report, "metrics"))
    {
        expect_member(row, "name", cJSON_String);
        expect_member(row, "model", cJSON_String);
        expect_member(row, "where", cJSON_Object);
        expect_member(row, "value", cJSON_Number);
        expect_member(row, "n", cJSON_Number);
        expect_member(row, "better", cJSON_String | cJSON_NULL);
        const cJSON *ci = cJSON_GetObjectItem(row, "ci");
        double value = cJSON_GetObjectItem(row, "value")->valuedouble;
        bool few = cJSON_GetObjectItem(row, "n")->valuedouble < 3; /* too few for an interval */
        ck_assert_msg(few ? cJSON_IsNull(ci) : cJSON_GetArraySize(ci) == 2, "%s of %g units has another kind of interval",
                      cJSON_GetObjectItem(row, "name")->valuestring, cJSON_GetObjectItem(row, "n")->valuedouble);
        ck_assert_msg(few || (ci->child->valuedouble <= value + 1e-8 && value <= ci->child->next->valuedouble + 1e-8),
                      "the interval of %s does not hold its value", cJSON_GetObjectItem(row, "name")->valuestring);
        accuracies += strcmp(cJSON_GetObjectItem(row, "name")->valuestring, "accuracy") == 0;
    }
    ck_assert_uint_eq(accuracies, 2 * 2 * 3); /* models, needles, two depths and all */
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(report, "comparisons"))
    {
        expect_member(row, "baseline", cJSON_String);
        expect_member(row, "difference", cJSON_Number);
        double p = cJSON_GetObjectItem(row, "p_value")->valuedouble;
        ck_assert(p > 0 && p <= 1);
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(report, "items"))
    {
        n++;
        expect_member(row, "id", cJSON_String);
        cJSON_ArrayForEach(m, cJSON_GetObjectItem(row, "results"))
        {
            expect_member(m, "output", cJSON_String);
            expect_member(m, "score", cJSON_Number);
            expect_member(m, "evidence", cJSON_Object);
            const cJSON *a = cJSON_GetObjectItem(cJSON_GetObjectItem(m, "evidence"), "attention");
            double sum = 0;
            for (size_t k = 0; k < N_ATTENTION_PARTS; k++)
                sum += cJSON_GetObjectItem(a, ATTENTION_PARTS[k])->valuedouble;
            ck_assert_msg(fabs(sum - 1) < 1e-6, "the parts of the attention add up to %.9g", sum);
            ck_assert_int_ge(cJSON_GetArraySize(cJSON_GetObjectItem(a, "layers")), 1);
        }
    }
    ck_assert_uint_eq(n, 8);
    expect_member(report, "run", cJSON_Object);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(report, "series")), 4);
    cJSON_Delete(report);
    unlink(out_path);
}
END_TEST

START_TEST(threads_kills_and_resumption_change_nothing)
{
    char journal[80];
    ck_assert_int_eq(evaluate("--fresh --threads 1"), 0);
    cJSON *first = read_report();
    cJSON_DeleteItemFromObject(first, "run");
    ck_assert_int_eq(evaluate("--fresh --threads 2"), 0);
    cJSON *second = read_report();
    cJSON_DeleteItemFromObject(second, "run");
    ck_assert_msg(cJSON_Compare(first, second, true), "one and two threads give different reports");
    cJSON_Delete(second);
    unlink(out_path);
    snprintf(journal, sizeof journal, "%s.journal", out_path);
    for (int round = 0; round < 4; round++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            setsid();
            _exit(evaluate("--threads 1"));
        }
        usleep(150000u * (unsigned)(round + 1));
        kill(-child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    ck_assert_int_eq(evaluate("--threads 2"), 0);
    second = read_report();
    cJSON_DeleteItemFromObject(second, "run");
    ck_assert_msg(cJSON_Compare(first, second, true), "a killed and resumed run gives a different report");
    ck_assert(!file_exists(journal));
    cJSON_Delete(first);
    cJSON_Delete(second);
    unlink(out_path);
}
END_TEST

SUITE_MAIN("needle", prompts_have_the_exact_length_and_hold_their_needles, questions_name_one_two_or_more_cities,
           asked_needles_stand_at_the_depth_after_a_sentence, a_haystack_without_sentences_has_depths_too,
           the_reference_answer_says_where_numbers_begin, items_do_not_depend_on_each_other, a_short_haystack_wraps_around,
           impossible_requests_are_refused, the_report_is_complete, threads_kills_and_resumption_change_nothing)

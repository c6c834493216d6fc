/* The math task: where answers are found, their normal forms beside public graders, and a run whose outputs are known. */
#include "constructed.h"

#include "tasks/math_form.h"

static struct grader *grader;

static void open_grader(void)
{
    struct error err = {0};
    ck_assert_msg(grader_open(&grader, &err) == OK, "%s", err.message);
}

static void close_grader(void)
{
    grader_free(grader);
}

START_TEST(answers_are_found_where_they_stand)
{
    static const struct {
        enum answer_kind kind;
        const char *text, *answer; /* NULL: none is found */
    } cases[] = {
        {ANSWER_BOXED, "so \\boxed{7}.", "7"},
        {ANSWER_BOXED, "\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"},
        {ANSWER_BOXED, "\\boxed{\\sqrt{\\frac{a}{b}}} m", "\\sqrt{\\frac{a}{b}}"},
        {ANSWER_BOXED, "\\boxed{1}, no, \\boxed{2}", "2"},
        {ANSWER_BOXED, "\\boxed{1} and then \\boxed{2", "1"}, /* the last one that is closed */
        {ANSWER_BOXED, "\\boxed{\\{1,2\\}}", "\\{1,2\\}"},
        {ANSWER_BOXED, "$\\boxed 5$ is it", "5"},
        {ANSWER_BOXED, "\\fbox{9}", "9"},
        {ANSWER_BOXED, "\\boxed", NULL},
        {ANSWER_BOXED, "\\boxed{{{", NULL},
        {ANSWER_BOXED, "boxed{3}", NULL},
        {ANSWER_HASHES, "1 + 1\n#### 2\n\n#### 3", "2"},
        {ANSWER_HASHES, "####\n18", "18"},
        {ANSWER_HASHES, "#### 1,234.50 dollars. Then", "1,234.50 dollars"},
        {ANSWER_HASHES, "### 3", NULL},
        {ANSWER_HASHES, "#### ", NULL},
        {ANSWER_PHRASE, "The answer is 3.5.", "3.5"},
        {ANSWER_PHRASE, "The answer is 3. But no: the final answer is: $4$. I hope", "$4$"},
        {ANSWER_PHRASE, "an answer", NULL},
        {ANSWER_NUMBER, "5 and 1,234.5 in all", "1,234.5"},
        {ANSWER_NUMBER, "it falls to -3", "-3"},
        {ANSWER_NUMBER, "it falls to \u22123", "\u22123"},
        {ANSWER_NUMBER, "10-12", "12"},
        {ANSWER_NUMBER, "-$5", "-$5"},
        {ANSWER_NUMBER, "a share of .5", ".5"},
        {ANSWER_NUMBER, "a share of 3/4.", "3/4"},
        {ANSWER_NUMBER, "1,2345", "2345"},
        {ANSWER_NUMBER, "none", NULL},
        {ANSWER_WHOLE, "x + 1", "x + 1"},
        {ANSWER_WHOLE, " \n", NULL},
    };
    open_grader();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = {0};
        enum answer_kind kind = grader_extract(grader, &out, cases[i].text, &cases[i].kind, 1);
        if (cases[i].answer == NULL)
            ck_assert_msg(kind == N_ANSWER_KINDS, "'%s': '%s' is found, expected nothing", cases[i].text, out.data);
        else
            ck_assert_msg(kind == cases[i].kind && strcmp(out.data, cases[i].answer) == 0, "'%s': '%s' is found, expected '%s'",
                          cases[i].text, out.data, cases[i].answer);
        text_free(&out);
    }
    close_grader();
}
END_TEST

START_TEST(the_first_kind_that_finds_one_decides)
{
    static const enum answer_kind order[] = {ANSWER_BOXED, ANSWER_HASHES, ANSWER_NUMBER};
    struct text out = {0};
    open_grader();
    ck_assert_int_eq(grader_extract(grader, &out, "#### 3 \\boxed{2} 1", order, 3), ANSWER_BOXED);
    ck_assert_str_eq(out.data, "2");
    ck_assert_int_eq(grader_extract(grader, &out, "#### 3, \\boxed{ 1", order, 3), ANSWER_HASHES);
    ck_assert_int_eq(grader_extract(grader, &out, "3 or 4", order, 3), ANSWER_NUMBER);
    ck_assert_str_eq(out.data, "4");
    ck_assert_int_eq(grader_extract(grader, &out, "", order, 3), N_ANSWER_KINDS);
    ck_assert_str_eq(out.data, "");
    text_free(&out);
    close_grader();
}
END_TEST

/* A model's output may be anything, and long: the time for it does not grow with the square. */
START_TEST(hostile_outputs_are_read_in_time)
{
    static const enum answer_kind order[] = {ANSWER_BOXED, ANSWER_HASHES, ANSWER_PHRASE, ANSWER_NUMBER, ANSWER_WHOLE};
    static const char *const pieces[] = {"1,", "1/", "\\boxed{", "answer is ", "####", "- ", ".", "1", " ", "{", "\\frac"};
    enum { BYTES = 200000 };
    open_grader();
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct text text = {0}, out = {0}, normal = {0};
        text_puts(&text, "the answer is x");
        while (text.len < BYTES)
            text_puts(&text, pieces[i]);
        text_puts(&text, "x");
        for (size_t k = 0; k < 5; k++) {
            grader_extract(grader, &out, text.data, &order[k], 1);
            grader_normalise(grader, &normal, out.data);
        }
        text_free(&text);
        text_free(&out);
        text_free(&normal);
    }
    close_grader();
}
END_TEST

START_TEST(normal_forms)
{
    static const char *const cases[][2] = {
        {"1,234,567.80", "1234567.8"},
        {"$1,000", "1000"},
        {"\\dfrac{3}{4}", "3/4"},
        {"-\\frac{3}{4}", "-3/4"},
        {"\\frac{a}{2}", "\\frac{a}{2}"},
        {" 18 dollars. ", "18"},
        {"12 km/h", "12"},
        {"\u20ac5", "5"},
        {"30\u00b0", "30"},
        {"\\theta = 30", "30"},
        {"x=1, y=2", "x=1,y=2"},
        {"-0.0", "0"},
        {"0.050", "0.05"},
        {"100", "100"},
        {"(0.50, 2.0)", "(0.5,2)"},
        {"\\text{cm}", "cm"},
        {"No Solution", "nosolution"},
        {"", ""},
        {"\xff"
         "3",
         "\xff"
         "3"}, /* no text: stays as it is */
    };
    open_grader();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = {0};
        grader_normalise(grader, &out, cases[i][0]);
        ck_assert_msg(strcmp(out.data, cases[i][1]) == 0, "'%s' becomes '%s', expected '%s'", cases[i][0], out.data, cases[i][1]);
        text_free(&out);
    }
    close_grader();
}
END_TEST

START_TEST(numbers_are_compared_exactly)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {{"0.5", "1/2", true},
                 {"2/4", "1/2", true},
                 {"3", "3/1", true},
                 {"0.333", "1/3", false},
                 {"-1/2", "1/2", false},
                 {"1/0", "2/0", false},
                 {"x", "x", true},
                 {"x", "X", false},
                 {"99999999999999999999", "99999999999999999999.0", false}, /* too long to be counted: texts */
                 {"1.5.2", "1.5", false},
                 {"/2", "0", false},
                 {"", "0", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(answers_equal(cases[i].a, cases[i].b) == cases[i].equal, "%s and %s: expected %s", cases[i].a, cases[i].b,
                      cases[i].equal ? "equal" : "different");
}
END_TEST

static bool grades(const cJSON *c, const enum answer_kind *kinds, size_t n)
{
    struct text found = {0}, ours = {0}, right = {0};
    const enum answer_kind reference[] = {ANSWER_HASHES, ANSWER_WHOLE};
    bool answered = grader_extract(grader, &found, json_text(c, "output"), kinds, n) != N_ANSWER_KINDS;
    grader_normalise(grader, &ours, found.data);
    grader_extract(grader, &found, json_text(c, "reference"), reference, 2);
    grader_normalise(grader, &right, found.data);
    bool equal = answered && answers_equal(ours.data, right.data);
    text_free(&found);
    text_free(&ours);
    text_free(&right);
    return equal;
}

/* tests/fixtures/make_math.py: what the harness's own code says of the same outputs. */
START_TEST(as_the_harness_grades)
{
    static const enum answer_kind output[] = {ANSWER_BOXED, ANSWER_HASHES, ANSWER_PHRASE, ANSWER_NUMBER}, whole = ANSWER_WHOLE;
    FILE *file = fopen(FIXTURES "math/verdicts.jsonl", "r");
    char line[1024];
    size_t n = 0;
    ck_assert_ptr_nonnull(file);
    open_grader();
    for (; fgets(line, sizeof line, file) != NULL; n++) {
        cJSON *c = cJSON_Parse(line);
        bool sums = strcmp(json_text(c, "kind"), "gsm8k") == 0;
        bool ours = grades(c, sums ? output : &whole, sums ? 4 : 1),
             public = json_real(c, "hendrycks") + json_real(c, "minerva") > 0;
        bool right = !sums ? json_real(c, "ours") > 0 : json_text(c, "differs") != NULL || json_real(c, "strict") > 0;
        ck_assert_msg(ours == right, "%s is graded %d", line, ours);
        ck_assert_msg(sums || ours || !public, "%s is right for a public grader and not for ours", line);
        cJSON_Delete(c);
    }
    ck_assert_int_eq(n, 79);
    fclose(file);
    close_grader();
}
END_TEST

static char folder[64];

static void put(const char *name, const char *text)
{
    struct error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_msg(file_write(path, text, strlen(text), &err) == OK, "%s", err.message);
}

static void begin(void)
{
    strcpy(folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char FORM[] = "name: made\nprompt: \"{q}\"\nsolution: \"{a}\"\ntarget: \"{a}\"\nlevel: \"{l}\"\n"
                           "extract: [hashes, number]\nstop: [\"\\n\\n\", \"Never\"]\nnew_tokens: 20\n";

/* The copier goes on as its prompt did before; a uniform model writes ! to the bound. */
START_TEST(a_run_whose_outputs_are_known)
{
    begin();
    char path[128], arguments[512];
    snprintf(path, sizeof path, "%s/copier", folder);
    make_copier(path);
    snprintf(path, sizeof path, "%s/uniform", folder);
    make_uniform(path, false);
    put("form.yaml", FORM);
    put("data.jsonl", "{\"q\":\"The sum of both #### 42\\n\\nThe sum of both\",\"a\":\"#### 42.0\",\"l\":1}\n"
                      "{\"q\":\"What is left is 40 of 1,240.\\n\\nWhat is left is\",\"a\":\"1240\",\"l\":2}\n"
                      "{\"q\":\"The sum of all #### 17\\n\\nThe sum of all\",\"a\":\"#### 71\",\"l\":2}\n");
    snprintf(arguments, sizeof arguments,
             "math --quiet --fresh --form %s/form.yaml --data %s/data.jsonl --model copier=%s/copier --model uniform=%s/uniform "
             "--out %s/report.json",
             folder, folder, folder, folder, folder);
    ck_assert_int_eq(run_eval(arguments), 0);
    snprintf(path, sizeof path, "%s/report.json", folder);
    cJSON *r = valid_report(path);
    NEAR(metric_of(r, "accuracy", "copier", "level=1"), 1, 0);
    NEAR(metric_of(r, "accuracy", "copier", "level=2"), 0.5, 0);
    NEAR(metric_of(r, "output_tokens", "copier", "level=1"), strlen(" #### 42\n\n"), 0);
    NEAR(metric_of(r, "at_bound", "copier", "level=1"), 0, 0);
    NEAR(metric_of(r, "output_tokens", "uniform", "level=1"), 20, 0);
    NEAR(metric_of(r, "at_bound", "uniform", "level=2"), 1, 0);
    NEAR(metric_of(r, "unanswered", "uniform", "level=2"), 1, 0);
    ck_assert_str_eq(json_text(r, "items.0.results.copier.output"), " #### 42");
    ck_assert_str_eq(json_text(r, "items.1.results.copier.evidence.found"), "number");
    ck_assert_str_eq(json_text(r, "items.1.results.copier.evidence.normal"), "1240");
    ck_assert_str_eq(json_text(r, "items.2.results.copier.evidence.target"), "71");
    ck_assert_str_eq(json_text(r, "items.0.results.uniform.evidence.found"), "none");
    cJSON_Delete(r);
    end();
}
END_TEST

START_TEST(forms_say_what_is_wrong)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"name: x\nprompt: p\nsolution: s\nextract: [number]\n", "key 'target' is missing"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\n", "key 'extract' is missing"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [numbers]\n", "expected a list of boxed"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: []\n", "expected a list of boxed"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [number, number, number, number, number, number]\n",
         "expected a list of boxed"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [number]\nstop: [\"\"]\n", "key 'stop' is wrong"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [number]\nstop: end\n", "key 'stop' is wrong"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [number]\nnew_tokens: 0\n", "new_tokens"},
        {"name: x\nprompt: p\nsolution: s\ntarget: t\nextract: [number]\nstops: [a]\n", "key 'stops' is not known"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct math_form form;
        struct error err = {0};
        char path[128];
        put("form.yaml", cases[i].text);
        snprintf(path, sizeof path, "%s/form.yaml", folder);
        ck_assert_msg(math_form_load(&form, path, &err) == ERR_INPUT, "form %zu is read, expected an error", i);
        ck_assert_msg(strstr(err.message, cases[i].wrong) != NULL, "'%s', expected '%s'", err.message, cases[i].wrong);
    }
    end();
}
END_TEST

START_TEST(every_form_that_comes_with_the_program_is_read)
{
    static const char *const names[] = {"arithmetic", "gsm8k", "math",   "svamp",       "asdiv",
                                        "mawps",      "carp",  "tabmwp", "college-math"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct math_form form;
        struct error err = {0};
        char path[128];
        snprintf(path, sizeof path, "configs/math/%s.yaml", names[i]);
        ck_assert_msg(math_form_load(&form, path, &err) == OK, "%s", err.message);
        ck_assert_str_eq(form.name, names[i]);
        math_form_free(&form);
    }
}
END_TEST

SUITE_MAIN("math", answers_are_found_where_they_stand, the_first_kind_that_finds_one_decides, hostile_outputs_are_read_in_time,
           normal_forms, numbers_are_compared_exactly, as_the_harness_grades, a_run_whose_outputs_are_known,
           forms_say_what_is_wrong, every_form_that_comes_with_the_program_is_read)

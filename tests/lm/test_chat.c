/* Chat templates against Jinja2 (tests/fixtures/make_chat.py), what is refused, and where a model has its template. */
#include "lm/chat.h"

#include "base/file.h"
#include "formats/json.h"
#include "suite_main.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JULY_26_2024 = 1721952000 };

START_TEST(templates_give_what_jinja2_gives)
{
    struct error err = {0};
    char *file;
    size_t length;
    cJSON *cases;
    const cJSON *c;
    ck_assert_msg(file_read(&file, &length, "tests/fixtures/chat/cases.json", &err) == OK, "%s", err.message);
    ck_assert_msg(json_parse(&cases, "cases", file, length, &err) == OK, "%s", err.message);
    ck_assert_int_gt(cJSON_GetArraySize(cases), 300);
    cJSON_ArrayForEach(c, cases)
    {
        const char *template = json_text(c, "template"), *wanted = json_text(c, "text");
        struct jinja *j;
        struct text out = {0};
        enum status status = jinja_compile(&j, "case", template, strlen(template), &err);
        if (status == OK)
            status = jinja_render(j, json_path(c, "variables"), JULY_26_2024, &out, &err);
        ck_assert_msg((status == OK) == (wanted != NULL), "%s: %s", json_text(c, "name"),
                      status == OK ? "gives a text, expected an error" : err.message);
        ck_assert_msg(wanted == NULL || strcmp(out.data, wanted) == 0, "%s gives '%s', expected '%s'", json_text(c, "name"),
                      out.data, wanted);
        text_free(&out);
        jinja_free(j);
    }
    cJSON_Delete(cases);
    free(file);
}
END_TEST

/* What a template gives with no variables: its text, or the error. */
static void expect(const char *template, const char *wanted)
{
    struct error err = {0};
    struct jinja *j;
    struct text out = {0};
    cJSON *none = cJSON_CreateObject();
    enum status status = jinja_compile(&j, "t", template, strlen(template), &err);
    if (status == OK)
        status = jinja_render(j, none, 0, &out, &err);
    const char *got = status == OK ? out.data : err.message;
    ck_assert_msg(strstr(got, wanted) != NULL, "'%s' says '%s', expected '%s'", template, got, wanted);
    text_free(&out);
    jinja_free(j);
    cJSON_Delete(none);
}

START_TEST(what_is_not_known_is_refused_by_name)
{
    static const char *const cases[][2] = {
        {"\n{% include 'x' %}", "t: line 2 of the chat template: the statement 'include' is not known"},
        {"{% filter upper %}{% endfilter %}", "the statement 'filter' is not known"},
        {"{% raw %}{% endraw %}", "the statement 'raw' is not known"},
        {"{{ 1 | wordwrap }}", "the filter 'wordwrap' is not known"},
        {"{% if 1 is prime %}{% endif %}", "the test 'prime' is not known"},
        {"{{ lipsum() }}", "the function 'lipsum' is not known"},
        {"{{ 'a'.zfill(3) }}", "has no method 'zfill' that is known"},
        {"{{ [1].append(2) }}", "has no method 'append'"},
        {"{% for x in y recursive %}{% endfor %}", "recursive loops are not known"},
        {"{{ 'a' * 3 }}", "text * a whole number is not known"},
        {"{{ f(*x) }}", "arguments by * are not known"},
        {"{{ '%s' % 1 }}", "text % a whole number is not known"},
        {"{{ x.y }}", "'x' is undefined"},
        {"{{ raise_exception('no system') }}", "it refuses these messages: no system"},
        {"{% if x %}", "what begins here does not end, expected {% elif %}"},
        {"{{ 1", "a tag does not end"},
        {"{{ 'abc }}", "a string does not end"},
        {"{# abc", "a comment does not end"},
        {"{{ ] }}", "found ], expected an expression"},
        {"{{ 1 2 }}", "found a number, expected the end of the tag"},
        {"{% set x.y = 1 %}", "expected a member of a namespace"},
        {"{{ strftime_now('%d %B %Y') }}", "01 January 1970"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i][0], cases[i][1]);
}
END_TEST

START_TEST(work_and_memory_are_bounded)
{
    expect("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "MB of text");
    expect("{% set n = namespace(s='ab') %}{% for a in range(20) %}{% set n.s = n.s + n.s %}{% endfor %}"
           "{% for a in range(9999) %}{{ 'x' in n.s }}{% endfor %}",
           "takes more than");
    expect("{% set n = namespace(s='ab') %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "MB of text");
    expect("{% set n = namespace(s=[]) %}{% for a in range(9999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}",
           "nested too deeply");
    expect("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "calls itself too deeply");
    expect("{{ range(100001) }}", "more than 100000 numbers");
    expect("{{ 9 ** 99 }}", "a number is too large");
    struct text deep = {0};
    text_puts(&deep, "{{ ");
    for (int i = 0; i < 5000; i++)
        text_puts(&deep, "(");
    expect(deep.data, "is nested too deeply");
    deep.len = 0;
    for (int i = 0; i < 5000; i++)
        text_puts(&deep, "{% if 1 %}");
    expect(deep.data, "is nested too deeply");
    text_free(&deep);
}
END_TEST

static char folder[64];

static void put(const char *name, const char *text)
{
    struct error err = {0};
    char *path = path_join(folder, name);
    ck_assert_msg(file_write(path, text, strlen(text), &err) == OK, "%s", err.message);
    free(path);
}

static void expect_chat(const char *wanted)
{
    struct error err = {0};
    struct chat_template *c;
    struct text out = {0};
    cJSON *messages = chat_messages("S", "U");
    enum status status = chat_template_load(&c, folder, &err);
    if (status == OK)
        status = chat_template_render(c, &(struct chat_request){.messages = messages, .reply = true}, &out, &err);
    ck_assert_msg(strstr(status == OK ? out.data : err.message, wanted) != NULL, "'%s', expected '%s'",
                  status == OK ? out.data : err.message, wanted);
    chat_template_free(c);
    cJSON_Delete(messages);
    text_free(&out);
}

START_TEST(a_folder_has_its_template_where_transformers_looks)
{
    char command[100];
    snprintf(folder, sizeof folder, "/tmp/difftf-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    expect_chat("has no chat template");
    put("tokenizer_config.json",
        "{\"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": null, \"chat_template\": \"{{ bos_token }}{{ eos_token }}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{{ tools is none }}\"}");
    expect_chat("<s>system:S;user:U;True");
    put("special_tokens_map.json", "{\"bos_token\": \"other\", \"eos_token\": \"</s>\"}");
    expect_chat("<s></s>system:S;");
    put("tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"no\"}, {\"name\": \"default\", \"template\": "
        "\"several {{ bos_token }}\"}]}");
    expect_chat("several other");
    put("chat_template.jinja", "file {{ add_generation_prompt }}\n");
    expect_chat("file True");
    put("chat_template.jinja", "{% broken %}");
    expect_chat("line 1 of the chat template: the statement 'broken' is not known");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

SUITE_MAIN("chat templates", templates_give_what_jinja2_gives, what_is_not_known_is_refused_by_name, work_and_memory_are_bounded,
           a_folder_has_its_template_where_transformers_looks)

/* readers.c - see readers.h. A reader may refuse its bytes or take them; what it takes is then used as the programs use it. */
#include "fuzz/readers.h"

#include "base/file.h"
#include "formats/gguf.h"
#include "formats/json_line.h"
#include "formats/pickle.h"
#include "formats/records.h"
#include "formats/safetensors.h"
#include "formats/text_file.h"
#include "formats/torch_file.h"
#include "lm/ids.h"
#include "lm/jinja.h"
#include "lm/tokenizer.h"
#include "model/config.h"
#include "model/gguf_model.h"
#include "report/compare.h"
#include "report/page.h"
#include "report/table.h"
#include "report/tidy.h"
#include "suite/experiment.h"
#include "suite/journal.h"
#include "suite/judge.h"
#include "suite/template.h"
#include "tasks/ruler_qa.h"
#include "tasks/tasks.h"
#include "train/recipe.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder_path[64];

static void safetensors(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct tensor_file file;
    float first[64];
    (void)folder, (void)bytes, (void)n;
    if (safetensors_open(&file, path, NULL) != OK)
        return;
    for (size_t i = 0; i < file.n_tensors; i++)
        if (file.tensors[i].count <= 64)
            tensor_to_f32(first, &file.tensors[i]);
    tensor_file_close(&file);
}

static void gguf(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct shards files;
    struct tokenizer *t = NULL;
    cJSON *config;
    struct config parsed;
    (void)folder, (void)bytes, (void)n;
    if (gguf_model_open(&files, &config, path, NULL) == OK) {
        config_from_json(&parsed, config, path, NULL);
        shards_close(&files);
        cJSON_Delete(config);
    }
    if (tokenizer_load(&t, path, NULL) == OK)
        tokenizer_free(t);
}

static void config(const char *folder, const char *path, const char *bytes, size_t n)
{
    cJSON *json;
    struct config parsed;
    struct attention_plan plan;
    (void)folder, (void)bytes, (void)n;
    if (json_read(&json, path, NULL) != OK)
        return;
    if (config_from_json(&parsed, json, path, NULL) == OK && parsed.n_layers < 1000 && config_plan(&plan, &parsed, NULL) == OK)
        attention_plan_free(&plan);
    cJSON_Delete(json);
}

static void tokenizer(const char *folder, const char *path, const char *bytes, size_t n)
{
    static const char text[] = "Ab \xc3\xa9\xe4\xb8\xad  1234\n\t<s>x\0y \xf0\x9f\x98\x80's";
    struct tokenizer *t = NULL;
    struct ids ids = {0};
    struct text out = {0};
    (void)path, (void)bytes, (void)n;
    if (tokenizer_load(&t, folder, NULL) != OK)
        return;
    if (tokenizer_encode(t, text, sizeof text - 1, true, &ids, NULL) == OK)
        tokenizer_decode(t, ids.data, ids.n, true, &out, NULL);
    text_free(&out);
    ids_free(&ids);
    tokenizer_free(t);
}

static void pickle(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct pickle p = {0};
    (void)folder, (void)path;
    pickle_read(&p, "bytes", (const unsigned char *)bytes, n, NULL);
    pickle_free(&p);
}

static void torch(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct torch_file file;
    (void)folder, (void)bytes, (void)n;
    if (torch_file_open(&file, path, NULL) == OK)
        torch_file_close(&file);
}

static void yaml(const char *folder, const char *path, const char *bytes, size_t n)
{
    cJSON *json;
    (void)folder, (void)bytes, (void)n;
    if (yaml_read(&json, path, NULL) == OK)
        cJSON_Delete(json);
}

/* The keys of an experiment's evaluation, as options of every task. */
static void experiment(const char *folder, const char *path, const char *bytes, size_t n)
{
    cJSON *json, *values;
    (void)folder, (void)bytes, (void)n;
    if (yaml_read(&json, path, NULL) != OK)
        return;
    for (size_t i = 0; TASKS[i] != NULL; i++) {
        struct error err;
        void *settings = calloc(1, TASKS[i]->settings_size + 1);
        if (options_parse(&values, NULL, COMMON_OPTIONS, TASKS[i]->options, 0, NULL, &err) == OK) {
            if (options_set(values, json, path, COMMON_OPTIONS, TASKS[i]->options, &err) == OK &&
                options_fill(settings, TASKS[i]->options, values))
                options_release(settings, TASKS[i]->options);
            cJSON_Delete(values);
        }
        free(settings);
    }
    cJSON_Delete(json);
}

static void recipe(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct recipe r;
    (void)folder, (void)bytes, (void)n;
    if (recipe_load(&r, path, NULL) == OK)
        recipe_free(&r);
}

static void report(const char *folder, const char *path, const char *bytes, size_t n)
{
    static const char *const formats[] = {"text", "markdown", "latex", "json"};
    cJSON *json, *rows = cJSON_CreateArray(), *all = cJSON_CreateArray();
    struct checks checks = {.results = cJSON_CreateArray()};
    struct tables tables = {0};
    struct error err;
    char *page = path_join(folder, "page.html");
    (void)bytes, (void)n;
    if (report_read(&json, path, &err) == OK) {
        const char *model = json_text(json, "models.0.name");
        for (int every = 0; every < 2; every++) {
            if (tables_from_report(&tables, json, every, &err) != OK)
                continue;
            for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
                struct text out = {0};
                table_writer_find(formats[i])(&out, &tables);
                text_free(&out);
            }
            tables_free(&tables);
        }
        if (cJSON_GetArraySize(json_path(json, "items")) < 10)
            report_compare(rows, json, model, json, model, 1, &err);
        check_against(&checks, json, json, &(struct check_level){0.05, 0, true}, &err);
        cJSON_AddItemToArray(all, json);
        struct text csv = {0};
        tidy_metrics(&csv, all);
        text_free(&csv);
        page_write(page, "title", all, &err);
    }
    free(page);
    cJSON_Delete(all);
    cJSON_Delete(rows);
    cJSON_Delete(checks.results);
}

/* Rules on a report that has one metric. */
static void rules(const char *folder, const char *path, const char *bytes, size_t n)
{
    cJSON *report =
        cJSON_Parse("{\"task\":\"t\",\"models\":[{\"name\":\"m\"}],\"metrics\":[{\"name\":\"accuracy\",\"model\":\"m\","
                    "\"where\":{\"depth\":50},\"value\":0.5,\"ci\":[0.4,0.6],\"n\":9,\"better\":\"higher\"}],"
                    "\"comparisons\":[],\"views\":[]}");
    cJSON *json;
    struct checks checks = {.results = cJSON_CreateArray()};
    struct error err;
    (void)folder, (void)bytes, (void)n;
    if (yaml_read(&json, path, &err) == OK) {
        check_rules(&checks, report, json, path, &err);
        cJSON_Delete(json);
    }
    cJSON_Delete(checks.results);
    cJSON_Delete(report);
}

/* The first byte chooses the ending. */
static void records(const char *folder, const char *path, const char *bytes, size_t n)
{
    static const char *const endings[] = {"a.jsonl", "a.json", "a.csv", "a.tsv"};
    cJSON *list;
    (void)folder, (void)path;
    char *text = calloc(n + 1, 1); /* ends with a NUL, as the texts that are read do */
    memcpy(text, bytes, n);
    if (n > 0 && records_parse(&list, endings[(unsigned char)text[0] % 4], text + 1, n - 1, NULL) == OK) {
        struct text out = {0};
        template_expand(&out, "{a} {b.0|strip} {c|before:x|after:y|clean}", list->child, "record", NULL);
        text_free(&out);
        cJSON_Delete(list);
    }
    free(text);
}

static void parquet(const char *folder, const char *path, const char *bytes, size_t n)
{
    cJSON *list;
    (void)folder, (void)path;
    if (records_parse(&list, "a.parquet", bytes, n, NULL) == OK)
        cJSON_Delete(list);
}

static void packed(const char *folder, const char *path, const char *bytes, size_t n)
{
    char *text;
    size_t length;
    (void)folder, (void)bytes, (void)n;
    if (text_file_read(&text, &length, NULL, path, NULL) == OK)
        free(text);
}

static void journal(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct journal j;
    struct error err;
    (void)folder, (void)bytes, (void)n;
    if (journal_open(&j, path, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false, &err) == OK) {
        journal_find(&j, "item", "model");
        journal_close(&j, true);
    }
}

static void judge(const char *folder, const char *path, const char *bytes, size_t n)
{
    (void)folder, (void)path;
    char *reply = chat_reply(bytes, n);
    if (reply != NULL)
        judge_verdict(reply);
    free(reply);
}

/* A checkpoint, for a training of eight weights and two steps. */
static void checkpoint(const char *folder, const char *path, const char *bytes, size_t n)
{
    enum { WEIGHTS = 8 };
    static struct stage stage = {.steps = 2, .seq_len = 32, .sequences = 1};
    static struct recipe recipe = {.n_steps = 2, .stages = &stage, .n_stages = 1}; /* the same for all */
    float weights[WEIGHTS], m[WEIGHTS], v[WEIGHTS];
    struct run run = {.recipe = &recipe,
                      .checkpoint = (char *)path,
                      .model = {.weights = {.storage = weights, .n_storage = WEIGHTS}},
                      .adamw = {.m = m, .v = v, .n = WEIGHTS}};
    (void)folder, (void)bytes, (void)n;
    if (recipe.root == NULL) {
        recipe.root = cJSON_Parse("{\"stages\":[{}]}");
        if (tokenizer_load(&recipe.tokenizer, "tests/fixtures/tokenizers/metaspace", NULL) != OK)
            abort();
    }
    checkpoint_load(&run, NULL);
}

static void ids(const char *folder, const char *path, const char *bytes, size_t n)
{
    int32_t *list;
    size_t count;
    struct text line = {0};
    (void)folder;
    if (ids_read(&list, &count, path, 1000, 1, NULL) == OK)
        free(list);
    json_line_read(&line, "line", bytes, n, NULL);
    text_free(&line);
}

static void questions(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct ruler_qa q;
    (void)folder, (void)bytes, (void)n;
    ruler_qa_load(&q, path, NULL);
    ruler_qa_free(&q);
}

/* A chat template, on a short talk. */
static void template(const char *folder, const char *path, const char *bytes, size_t n)
{
    struct jinja *j;
    (void)folder, (void)path;
    if (jinja_compile(&j, "template", bytes, n, NULL) != OK)
        return;
    cJSON *variables =
        cJSON_Parse("{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", "
                    "\"content\": \" Who? \"}, {\"role\": \"assistant\", \"content\": \"<a>b</a>\"}, {\"role\": "
                    "\"user\", \"content\": \"Why?\"}], \"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"tools\": "
                    "null, \"add_generation_prompt\": true}");
    struct text out = {0};
    jinja_render(j, variables, 0, &out, NULL);
    text_free(&out);
    cJSON_Delete(variables);
    jinja_free(j);
}

const struct reader READERS[] = {{"safetensors", "model.safetensors", safetensors},
                                 {"gguf", "model.gguf", gguf},
                                 {"config", "config.json", config},
                                 {"tokenizer", "tokenizer.json", tokenizer},
                                 {"sentencepiece", "tokenizer.model", tokenizer},
                                 {"tiktoken", "tokenizer.tiktoken", tokenizer},
                                 {"pickle", NULL, pickle},
                                 {"torch", "state.pth", torch},
                                 {"yaml", "run.yaml", yaml},
                                 {"experiment", "run.yaml", experiment},
                                 {"recipe", "recipe.yaml", recipe},
                                 {"rules", "rules.yaml", rules},
                                 {"records", NULL, records},
                                 {"parquet", NULL, parquet},
                                 {"packed", "text.txt", packed},
                                 {"report", "report.json", report},
                                 {"journal", "report.json.journal", journal},
                                 {"judge", NULL, judge},
                                 {"checkpoint", "checkpoint.safetensors", checkpoint},
                                 {"ids", "ids.json", ids},
                                 {"harness-results", "results_1.json", report},
                                 {"harness-samples", "samples_t_1.jsonl", report},
                                 {"questions", "questions.json", questions},
                                 {"template", NULL, template},
                                 {NULL, NULL, NULL}};

const struct reader *reader_find(const char *name)
{
    const struct reader *r = READERS;
    while (r->name != NULL && strcmp(r->name, name) != 0)
        r++;
    return r->name ? r : NULL;
}

void reader_begin(void)
{
    strcpy(folder_path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/difftf-fuzz-XXXXXX" : "/tmp/difftf-fuzz-XXXXXX");
    if (mkdtemp(folder_path) == NULL)
        abort();
}

void reader_run(const struct reader *reader, const char *bytes, size_t n)
{
    char *path = path_join(folder_path, reader->file ? reader->file : "bytes");
    if (reader->file != NULL) {
        FILE *file = fopen(path, "wbe");
        if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
            abort();
    }
    reader->read(folder_path, path, bytes, n);
    unlink(path);
    free(path);
}

void reader_end(void)
{
    char *page = path_join(folder_path, "page.html");
    unlink(page);
    free(page);
    rmdir(folder_path);
}

/* selftest.c - does the installed program compute on this machine what it should?
 *
 * One line a check: the innermost loops of every instruction set that the processor runs, the matrix library, models and
 * tokenizers against independent implementations (the cases of the tests, which are installed with the program), and a tiny
 * report on the embedded pair, the same twice. Seconds, no network, nothing left behind.
 */
#include "base/file.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "formats/records.h"
#include "numeric/gemm.h"
#include "numeric/kernels.h"
#include "report/compare.h"
#include "suite/experiment.h"
#include "suite/machine.h"
#include "tasks/tasks.h"
#include "train/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_spec OPTIONS[] = {
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0},
    OPTIONS_END,
};

#define CASES "tests/fixtures/"

struct selftest {
    int threads;
    size_t n, failed;
};

/* One check: `about` is what it is called with. */
typedef enum status check_function(const struct selftest *t, const char *about, struct error *err);

/* Products of small whole numbers, which float holds exactly in any order. */
enum { ROWS = 70, INNER = 90, COLUMNS = 50 };

struct product {
    float a[ROWS * INNER], b[COLUMNS * INNER], c[ROWS * COLUMNS]; /* C = A B^T */
};

static struct product *product_new(void)
{
    struct product *p = calloc(1, sizeof *p);
    for (size_t i = 0; i < ROWS * INNER; i++)
        p->a[i] = (float)(i * 7 % 13) - 6;
    for (size_t i = 0; i < COLUMNS * INNER; i++)
        p->b[i] = (float)(i * 11 % 17) - 8;
    return p;
}

static enum status product_check(const struct product *p, struct error *err)
{
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            double sum = 0;
            for (size_t k = 0; k < INNER; k++)
                sum += (double)p->a[i * INNER + k] * (double)p->b[j * INNER + k];
            if ((double)p->c[i * COLUMNS + j] != sum)
                return error_set(err, ERR_REGRESSION, "element [%zu, %zu] of a product is %.9g, expected %.9g", i, j,
                                 (double)p->c[i * COLUMNS + j], sum);
        }
    return OK;
}

static const struct kernels *kernels_named(const char *name)
{
    const struct kernels *const *set = kernels_all();
    while (*set != NULL && strcmp((*set)->name, name) != 0)
        set++;
    return *set;
}

static enum status check_kernels(const struct selftest *t, const char *name, struct error *err)
{
    const struct kernels *k = kernels_named(name);
    struct product *p = product_new();
    float *columns = calloc(INNER * COLUMNS, sizeof *columns), e[LANES] = {0};
    (void)t;
    for (size_t i = 0; i < INNER * COLUMNS; i++)
        columns[i % INNER * COLUMNS + i / INNER] = p->b[i];
    k->tile_gemm(p->c, COLUMNS, p->a, INNER, 1, columns, COLUMNS, ROWS, COLUMNS, INNER);
    enum status status = product_check(p, err);
    for (size_t i = 0; i < LANES; i++)
        e[i] = (float)i / 2 - 6;
    k->exp_shift(e, LANES, 2, 1);
    for (size_t i = 0; i < LANES && status == OK; i++)
        if (!(fabs((double)e[i] / exp((double)i - 13) - 1) < 1e-6))
            status = error_set(err, ERR_REGRESSION, "exp(%g) is %.9g, expected %.9g", (double)i - 13, (double)e[i],
                               exp((double)i - 13));
    free(columns);
    free(p);
    return status;
}

static enum status check_matrix_library(const struct selftest *t, const char *about, struct error *err)
{
    struct product *p = product_new();
    struct matrix w = matrix_of(p->b);
    (void)about;
    linear_forward(&(struct linear){p->c, &w, NULL, COLUMNS}, 1, p->a, ROWS, INNER, COMPUTE_F32, t->threads);
    enum status status = product_check(p, err);
    free(p);
    return status;
}

/* Opens the case NAME, or MODEL:NAME when the model lies elsewhere. */
static enum status open_case(struct oracle *o, const char *name, struct error *err)
{
    struct text relative = {0};
    const char *colon = strchr(name, ':');
    text_printf(&relative, CASES "%.*s", (int)(colon ? (size_t)(colon - name) : strlen(name)), name);
    char *model = embedded_path(relative.data);
    text_free(&relative);
    text_printf(&relative, CASES "%s", colon ? colon + 1 : name);
    char *folder = embedded_path(relative.data);
    text_free(&relative);
    enum status status = oracle_open(o, model, folder, err);
    free(model);
    free(folder);
    return status;
}

/* What independent code computed, and the same bits on one thread and on all. */
static enum status check_model(const struct selftest *t, const char *name, struct error *err)
{
    struct oracle o;
    float *one = NULL, *all = NULL;
    enum status status = open_case(&o, name, err);
    if (status != OK)
        return status;
    status = oracle_forward(&o, o.n, t->threads, NULL, err);
    if (status == OK)
        status = oracle_forward(&o, o.n, 1, &one, err);
    if (status == OK)
        status = oracle_forward(&o, o.n, t->threads + 1, &all, err);
    if (status == OK && memcmp(one, all, o.n * o.model.config.vocab_size * sizeof *one) != 0)
        status = error_set(err, ERR_REGRESSION, "%d threads give other bits than one, expected the same", t->threads + 1);
    free(one);
    free(all);
    oracle_close(&o);
    return status;
}

static enum status check_gradients(const struct selftest *t, const char *name, struct error *err)
{
    struct oracle o;
    enum status status = open_case(&o, name, err);
    if (status != OK)
        return status;
    status = oracle_gradients(&o, t->threads, err);
    oracle_close(&o);
    return status;
}

static enum status check_encoding(const struct tokenizer *t, const cJSON *expected, struct error *err)
{
    struct ids ids = {0};
    const char *text = json_text(expected, "text");
    const cJSON *want = json_path(expected, "ids"), *id = want ? want->child : NULL;
    enum status status = tokenizer_encode(t, text, strlen(text), false, &ids, err);
    size_t i = 0;
    for (; id != NULL && i < ids.n && id->valueint == ids.data[i]; i++)
        id = id->next;
    if (status == OK && (id != NULL || i < ids.n))
        status = error_set(err, ERR_REGRESSION, "token %zu of '%.60s' is %d, expected %d (-1: none)", i, text,
                           i < ids.n ? (int)ids.data[i] : -1, id != NULL ? id->valueint : -1);
    ids_free(&ids);
    return status;
}

static enum status check_tokenizer(const struct selftest *t, const char *name, struct error *err)
{
    struct text relative = {0};
    struct tokenizer *tokenizer = NULL;
    cJSON *records = NULL;
    char *text = NULL;
    size_t length;
    (void)t;
    text_printf(&relative, CASES "%s", name);
    char *folder = embedded_path(relative.data), *path = path_join(folder, "expected.jsonl");
    enum status status = tokenizer_load(&tokenizer, folder, err);
    if (status == OK)
        status = file_read(&text, &length, path, err);
    if (status == OK)
        status = records_parse(&records, path, text, length, err);
    for (const cJSON *r = records ? records->child : NULL; status == OK && r != NULL; r = r->next)
        status = check_encoding(tokenizer, r, err);
    cJSON_Delete(records);
    free(text);
    tokenizer_free(tokenizer);
    free(path);
    free(folder);
    text_free(&relative);
    return status;
}

/* The tiny report, without what may differ between two equal runs; the caller frees it. */
static enum status tiny_report(char **document, const char *path, int threads, struct error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%d", threads);
    char *arguments[] = {"--samples", "3",       "--lengths", "256",       "--depths", "0,100", "--needles",
                         "1/1",       "--quiet", "--fresh",   "--threads", number,     "--out", (char *)path};
    const struct task *task = tasks_find("needle");
    cJSON *options, *report = NULL;
    enum status status =
        options_parse(&options, NULL, COMMON_OPTIONS, task->options, sizeof arguments / sizeof *arguments, arguments, err);
    if (status == OK)
        status = cli_run_task(task, options, err);
    if (status == OK)
        status = report_read(&report, path, err);
    if (status == OK) {
        cJSON_DeleteItemFromObjectCaseSensitive(report, "run");
        *document = cJSON_PrintUnformatted(report);
    }
    cJSON_Delete(report);
    unlink(path);
    return status;
}

static enum status check_report(const struct selftest *t, const char *about, struct error *err)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = path_join(temporary ? temporary : "/tmp", "difftf-selftest-XXXXXX"), *one = NULL, *all = NULL;
    (void)about;
    if (mkdtemp(folder) == NULL) {
        enum status status = error_set(err, ERR_SYSTEM, "%s: cannot be made, expected a folder for temporary files", folder);
        free(folder);
        return status;
    }
    char *path = path_join(folder, "needle.json");
    enum status status = tiny_report(&one, path, 1, err);
    if (status == OK)
        status = tiny_report(&all, path, t->threads + 1, err);
    if (status == OK && strcmp(one, all) != 0)
        status = error_set(err, ERR_REGRESSION, "%d threads give another report than one, expected the same", t->threads + 1);
    rmdir(folder);
    free(path);
    free(folder);
    free(one);
    free(all);
    return status;
}

static const struct {
    const char *what, *about;
    check_function *run;
} CHECKS[] = {
    {"matrix library", NULL, check_matrix_library},
    {"model", "llama-mha", check_model},
    {"model", "llama-gqa-tied", check_model},
    {"model", "mistral-window", check_model},
    {"model", "qwen2-yarn", check_model},
    {"model", "qwen3-qknorm", check_model},
    {"model", "diff-mha", check_model},
    {"model", "diff-gqa", check_model},
    {"model", "diffllama-gqa", check_model},
    {"model", "diffv2-gqa", check_model},
    {"model", "motif-mha", check_model},
    {"model", "motif-grouped", check_model},
    {"model", "gguf/llama.gguf:llama-gqa-tied", check_model},
    {"gradients and a step", "grads-llama", check_gradients},
    {"gradients and a step", "grads-diff", check_gradients},
    {"tokenizer", "tokenizers/word-end", check_tokenizer},
    {"tokenizer", "tokenizers/metaspace", check_tokenizer},
    {"tokenizer", "tokenizers/bert", check_tokenizer},
    {"report of the embedded pair", NULL, check_report},
};

/* Only a wish to stop ends the test before its last check. */
static enum status check(struct selftest *t, const char *what, const char *about, check_function *run, struct error *err)
{
    struct error wrong = {0};
    enum status status = run(t, about, &wrong);
    if (status == ERR_STOPPED || stop_signal != 0)
        return error_set(err, ERR_STOPPED, "stopped");
    t->n++;
    t->failed += status != OK;
    say(stdout, "%s %s%s%s%s%s\n", status == OK ? "ok" : "not ok", what, about ? " " : "", about ? about : "",
        status == OK ? "" : ": ", status == OK ? "" : wrong.message);
    fflush(stdout);
    return OK;
}

static void introduce(const struct selftest *t)
{
    cJSON *machine = cJSON_CreateObject();
    machine_describe(machine);
    say(stdout, "difftf-eval " DIFFTF_VERSION " on %s, %g processors, %.1f GB of memory; kernels %s, %s, threads %d\n",
        json_text(machine, "cpu"), json_real(machine, "processors"), json_real(machine, "memory_bytes") / 1e9,
        json_text(machine, "kernels"), json_text(machine, "blas"), t->threads);
    cJSON_Delete(machine);
}

static enum status selftest(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct selftest t = {.threads = cli_threads(options)};
    enum status status = OK;
    if (arguments->child != NULL)
        return error_set(err, ERR_USAGE, "selftest: '%s' is given, expected options alone", arguments->child->valuestring);
    introduce(&t);
    for (const struct kernels *const *set = kernels_all(); *set != NULL && status == OK; set++)
        status = check(&t, "kernels", (*set)->name, check_kernels, err);
    for (size_t i = 0; kernels_missing(i) != NULL; i++)
        say(stdout, "-- kernels %s: this processor cannot run them\n", kernels_missing(i));
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS && status == OK; i++)
        status = check(&t, CHECKS[i].what, CHECKS[i].about, CHECKS[i].run, err);
    if (status == OK && t.failed > 0)
        return error_set(err, ERR_REGRESSION, "selftest: %zu of %zu checks failed, expected none", t.failed, t.n);
    if (status == OK)
        say(stdout, "%zu checks hold\n", t.n);
    return status;
}

const struct command COMMAND_SELFTEST = {"selftest", NULL, "does the program compute on this machine what it should?", OPTIONS,
                                         selftest};

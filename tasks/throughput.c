/* throughput.c - tokens a second of prefill, decoding and a training pass (Ye et al. 2024, appendix A).
 *
 * The one task whose figures differ from run to run: it times the machine. The
 * repetitions of the models take turns, so that what the machine does meanwhile
 * falls on all of them, and differences are paired by repetition.
 */
#include "base/list.h"
#include "report/report.h"
#include "suite/rates.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_spec OPTIONS[] = {
    {"work", OPTION_STRING, "prefill,decode,train", 0, 0, "LIST", "prefill, decode, train", false},
    {"lengths", OPTION_INTS, "512,1024", 16, 1048576, "LIST", "tokens: of the prompt, or of the training sequence", false},
    {"samples", OPTION_INT, "5", 2, 1000, "N", "repetitions", false},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, false},
};

static bool wants(const struct experiment *e, const char *work)
{
    return list_has(option_string(e->options, "work"), work);
}

static enum status prepare(struct experiment *e, struct error *err)
{
    for (size_t w = 0; w < 3; w++)
        if (wants(e, RATES_NAMES[w]))
            return OK;
    return error_set(err, ERR_USAGE, "--work: '%.60s' is wrong, expected prefill, decode or train, separated by commas",
                     option_string(e->options, "work"));
}

static void add_item(cJSON *items, const char *work, double length, size_t sample)
{
    cJSON *where = cJSON_CreateObject();
    cJSON_AddStringToObject(where, "work", work);
    json_add_number(where, "length", length);
    json_add_number(where, "sample", (double)sample);
    plan_add(items, where, NULL);
}

static enum status plan(const struct experiment *e, cJSON *items, struct error *err)
{
    const cJSON *length;
    (void)err;
    cJSON_ArrayForEach(length, cJSON_GetObjectItemCaseSensitive(e->options, "lengths"))
    {
        for (size_t w = 0; w < 3; w++)
            for (size_t i = 0; wants(e, RATES_NAMES[w]) && i < option_size(e->options, "samples"); i++)
                add_item(items, RATES_NAMES[w], length->valuedouble, i);
    }
    return OK;
}

static size_t tokens(const struct experiment *e, const cJSON *item)
{
    (void)e;
    (void)item;
    return 1; /* a job has a session of its own */
}

static enum status run(const struct experiment *e, const cJSON *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    size_t work = 0;
    struct rates_job *job;
    int threads = session->context.threads;
    (void)e;
    while (strcmp(RATES_NAMES[work], json_text(item, "where.work")) != 0)
        work++;
    enum status status =
        rates_job_open(&job, &subject->model, (enum rates_work)work, (size_t)json_real(item, "where.length"), threads, err);
    if (status != OK)
        return status;
    struct rates_machine *machine = rates_machine_open(threads);
    if (machine == NULL) {
        rates_job_close(job);
        return error_set(err, ERR_SYSTEM, "throughput: out of memory");
    }
    rates_job_run(job); /* warms up */
    double rate = rates_job_run(job), limit = rates_sgemm(machine);
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    json_add_number(result, "score", rate);
    cJSON_AddStringToObject(result, "output", "");
    json_add_number(evidence, "gflops", rates_job_gflops(job, rate));
    json_add_number(evidence, "sgemm_gflops", limit);
    json_add_number(evidence, "share_of_sgemm", rates_job_gflops(job, rate) / limit);
    json_add_number(evidence, "read_gigabytes", rates_read(machine));
    json_add_number(evidence, "weights_gigabytes",
                    rate * ((double)subject->model.weights.n_mapped + (double)subject->model.weights.n_storage * sizeof(float)) /
                        1e9);
    rates_machine_close(machine);
    rates_job_close(job);
    return OK;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    static const struct metric metrics[] = {{"tokens_per_second", "score", METRIC_MEAN, "higher"},
                                            {"gflops", "evidence.gflops", METRIC_MEAN, "higher"},
                                            {"sgemm_gflops", "evidence.sgemm_gflops", METRIC_MEAN, NULL},
                                            {"share_of_sgemm", "evidence.share_of_sgemm", METRIC_MEAN, "higher"},
                                            {"read_gigabytes", "evidence.read_gigabytes", METRIC_MEAN, NULL}};
    const cJSON *length;
    enum status status = OK;
    for (size_t w = 0; w < 3; w++)
        cJSON_ArrayForEach(length, cJSON_GetObjectItemCaseSensitive(e->options, "lengths"))
        {
            cJSON *where = cJSON_CreateObject();
            cJSON_AddStringToObject(where, "work", RATES_NAMES[w]);
            json_add_number(where, "length", length->valuedouble);
            for (size_t k = 0; wants(e, RATES_NAMES[w]) && k < sizeof metrics / sizeof *metrics && status == OK; k++)
                status = report_add(r, e, items, &metrics[k], where, err);
            cJSON_Delete(where);
        }
    return status;
}

static const struct view VIEWS[] = {
    {"table", "tokens_per_second", "tokens a second", NULL, NULL},
    {"table", "share_of_sgemm,sgemm_gflops,read_gigabytes", "of the machine", NULL, NULL},
    {"bars", "tokens_per_second", "Tokens a second, by length", "length", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_THROUGHPUT;
const struct task TASK_THROUGHPUT = {
    .name = "throughput",
    .summary = "tokens a second of prefill, decoding and training (appendix A)",
    .options = OPTIONS,
    .views = VIEWS,
    .exclusive = true,
    .prepare = prepare,
    .plan = plan,
    .tokens = tokens,
    .run = run,
    .summarize = summarize,
};

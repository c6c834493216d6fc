/* throughput.c - tokens a second of prefill, decoding and a training pass (Ye et al. 2024, appendix A).
 *
 * The one task whose figures differ from run to run: it times the machine. The
 * repetitions of the models take turns, so that what the machine does meanwhile
 * falls on all of them, and differences are paired by repetition.
 */
#include "model/rates.h"
#include "report/places.h"
#include "suite/experiment.h"
#include "suite/machine.h"
#include "suite/task.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct settings {
    unsigned work; /* a bit for each of enum rates_work */
    struct sizes lengths;
    size_t samples;
};

#define AT(member) offsetof(struct settings, member)
static const struct option_spec OPTIONS[] = {
    {"work", OPTION_CHOICES, "prefill,decode", 0, 0, "prefill|decode|train",
     "what is timed (train: a pass forward and back of every weight)", false, AT(work)},
    {"lengths", OPTION_INTS, "512,1024", 16, 1048576, "LIST", "tokens: of the prompt, or of the training sequence", false,
     AT(lengths)},
    {"samples", OPTION_INT, "5", 2, 1000, "N", "repetitions", false, AT(samples)},
    OPTIONS_END,
};

struct item {
    size_t work, length, sample;
};

static const struct dimension DIMENSIONS[] = {
    {"work", DIMENSION_NAME, offsetof(struct item, work), RATES_NAMES, NULL},
    {"length", DIMENSION_SIZE, offsetof(struct item, length), NULL, NULL},
    {"sample", DIMENSION_SIZE, offsetof(struct item, sample), NULL, NULL},
    {NULL, DIMENSION_SIZE, 0, NULL, NULL},
};

/* A word before the work; how busy the machine was meanwhile is a metric. */
static enum status prepare(struct experiment *e, struct error *err)
{
    const double much = 0.1;
    const struct timespec moment = {.tv_nsec = 300000000};
    struct machine_use before = machine_use_now();
    (void)err;
    if (e->common.dry_run)
        return OK;
    nanosleep(&moment, NULL);
    double others = machine_use_of_others(&before);
    if (others > much)
        experiment_note(e,
                        "the machine is busy: others have %.0f %% of its processors' time, and the figures are lower for it; "
                        "expected an idle one",
                        100 * others);
    return OK;
}

static enum status plan(const struct experiment *e, struct plan *plan, struct error *err)
{
    const struct settings *o = e->settings;
    (void)err;
    for (size_t l = 0; l < o->lengths.n; l++)
        for (size_t w = 0; w < N_RATES; w++)
            for (size_t i = 0; (o->work >> w & 1) && i < o->samples; i++)
                plan_add(plan, &(struct item){w, o->lengths.data[l], i});
    return OK;
}

static size_t tokens(const struct experiment *e, const void *item)
{
    (void)e;
    (void)item;
    return 1; /* a job has a session of its own */
}

/* The work twice, and what the machine is measured by: some products of 2048 x 2048 matrices. */
static double work(const struct experiment *e, const struct model *model, const void *item)
{
    const struct item *it = item;
    const double machine = 5e10;
    (void)e;
    return machine + 2 * (it->work == RATES_TRAIN ? 3 : 1) * (double)it->length * rates_flops(model, it->length, true);
}

static enum status run(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err)
{
    const struct item *it = item;
    struct rates_job *job;
    int threads = session->context.threads;
    (void)e;
    enum status status = rates_job_open(&job, &subject->model, (enum rates_work)it->work, it->length, threads, err);
    if (status != OK)
        return status;
    struct rates_machine *machine = rates_machine_open(threads);
    if (machine == NULL) {
        rates_job_close(job);
        return error_set(err, ERR_SYSTEM, "throughput: out of memory");
    }
    struct machine_use before = machine_use_now();
    rates_job_run(job); /* warms up */
    double rate = rates_job_run(job), peak = rates_peak(machine, subject->model.compute);
    cJSON *evidence = cJSON_AddObjectToObject(result, "evidence");
    json_add_number(result, "score", rate);
    cJSON_AddStringToObject(result, "output", "");
    json_add_number(evidence, "gflops", rates_job_gflops(job, rate));
    json_add_number(evidence, "peak_gflops", peak);
    json_add_number(evidence, "share_of_peak", rates_job_gflops(job, rate) / peak);
    json_add_number(evidence, "sgemm_gflops", rates_sgemm(machine));
    json_add_number(evidence, "read_gigabytes", rates_read(machine));
    json_add_number(evidence, "others_share", machine_use_of_others(&before));
    json_add_number(evidence, "weights_gigabytes",
                    rate * ((double)subject->model.weights.n_mapped + (double)subject->model.weights.n_storage * sizeof(float)) /
                        1e9);
    rates_machine_close(machine);
    rates_job_close(job);
    return OK;
}

static enum status summarize(const struct experiment *e, const cJSON *items, struct report *r, struct error *err)
{
    (void)e;
    static const struct metric metrics[] = {{"tokens_per_second", "score", METRIC_AMOUNT, "higher"},
                                            {"gflops", "evidence.gflops", METRIC_AMOUNT, "higher"},
                                            {"peak_gflops", "evidence.peak_gflops", METRIC_AMOUNT, NULL},
                                            {"share_of_peak", "evidence.share_of_peak", METRIC_AMOUNT, "higher"},
                                            {"sgemm_gflops", "evidence.sgemm_gflops", METRIC_AMOUNT, NULL},
                                            {"read_gigabytes", "evidence.read_gigabytes", METRIC_AMOUNT, NULL},
                                            {"others_share", "evidence.others_share", METRIC_SHARE, NULL}};
    static const char *const dimensions[] = {"work", "length", NULL};
    return report_add_places(r, items, metrics, sizeof metrics / sizeof *metrics, dimensions, err);
}

static const struct view VIEWS[] = {
    {"table", "tokens_per_second", "tokens a second", NULL, NULL},
    {"table", "share_of_peak,peak_gflops,sgemm_gflops,read_gigabytes,others_share", "of the machine", NULL, NULL},
    {"bars", "tokens_per_second", "Tokens a second, by length", "length", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

extern const struct task TASK_THROUGHPUT;
const struct task TASK_THROUGHPUT = {
    .name = "throughput",
    .summary = "tokens a second of prefill, decoding and training (appendix A)",
    .options = OPTIONS,
    .settings_size = sizeof(struct settings),
    .dimensions = DIMENSIONS,
    .item_size = sizeof(struct item),
    .views = VIEWS,
    .exclusive = true,
    .no_texts = true,
    .prepare = prepare,
    .plan = plan,
    .tokens = tokens,
    .work = work,
    .run = run,
    .summarize = summarize,
};

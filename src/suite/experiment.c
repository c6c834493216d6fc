/* experiment.c - see experiment.h. */
#include "suite/experiment.h"

#include "base/file.h"
#include "numeric/kernels.h"

#include "base/visible.h"
#include <cblas.h>

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(struct common_options, member)
const struct option_spec COMMON_OPTIONS[] = {
    {"model", OPTION_STRINGS, NULL, 0, 0, "NAME=DIR",
     "a model folder; repeatable, the first is the baseline (default: the embedded pair)", false, AT(models)},
    {"baseline", OPTION_STRING, NULL, 0, 0, "NAME", "the model that the others are compared with", false, AT(baseline)},
    {"seed", OPTION_INT, "1", 0, 2147483647, "N", "every random choice follows from it", false, AT(seed)},
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors; results do not depend on it", true, AT(threads)},
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "where the report goes (default: a name of its own in results/)", true, AT(out)},
    {"config", OPTION_STRING, NULL, 0, 0, "FILE", "options from a YAML file; the command line wins", true, AT(config)},
    {"resume", OPTION_FLAG, NULL, 0, 0, NULL,
     "go on from the journal of an interrupted run (it does so by itself), and keep the report of a finished one", true,
     AT(resume)},
    {"fresh", OPTION_FLAG, NULL, 0, 0, NULL, "start again even if there is a journal", true, AT(fresh)},
    {"dry-run", OPTION_FLAG, NULL, 0, 0, NULL, "list the items and estimate time and memory, by trying some for a few seconds",
     true, AT(dry_run)},
    {"shard", OPTION_STRING, NULL, 0, 0, "I/N", "run every N-th item alone, from the I-th on; `merge` joins the reports of all N",
     true, AT(shard)},
    {"beyond-context", OPTION_CHOICE, "warn", 0, 0, "warn|refuse|allow",
     "what to do with items longer than a model's max_position_embeddings", true, AT(beyond_context)},
    {"compute", OPTION_CHOICE, "f32", 0, 0, COMPUTE_WORDS,
     "what the numbers of matrix products are rounded to: bf16 weights and activations; int8 activations where the weights are "
     "quantised",
     false, AT(compute)},
    {"bos", OPTION_CHOICE, "auto", 0, 0, "auto|always|never",
     "the beginning-of-sequence token before every prompt: as the model's own tokenizer does, or not", false, AT(bos)},
    {"chat", OPTION_FLAG, NULL, 0, 0, NULL, "prompts as messages of a user, in each model's own chat template", false, AT(chat)},
    {"system", OPTION_STRING, NULL, 0, 0, "TEXT", "chat: the system message before them", false, AT(system)},
    {"json", OPTION_FLAG, NULL, 0, 0, NULL, "print the report instead of the tables", true, AT(json)},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no tables, no progress", true, AT(quiet)},
    {"no-progress", OPTION_FLAG, NULL, 0, 0, NULL, "no progress on standard error", true, AT(no_progress)},
    {"log-level", OPTION_CHOICE, "info", 0, 0, "error|info|debug", "how much is said on standard error", true, AT(log_level)},
    OPTIONS_END,
};

char *embedded_path(const char *relative)
{
    const char *share = getenv("DIFFTF_SHARE");
    if (share != NULL && *share != '\0')
        return path_join(share, relative);
    char exe[4096], real[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    static const char *const places[] = {"", "../", "../share/difftf/", "../../"};
    if (n > 0) {
        exe[n] = '\0';
        *strrchr(exe, '/') = '\0';
    }
    for (size_t i = 0; n > 0 && i < sizeof places / sizeof *places; i++) {
        struct text t = {0};
        text_printf(&t, "%s/%s%s", exe, places[i], relative);
        bool found = t.data && file_exists(t.data) && realpath(t.data, real) != NULL;
        text_free(&t);
        if (found)
            return strdup(real);
    }
    return path_join(DIFFTF_PREFIX "/share/difftf", relative);
}

/* Beside the weights; a GGUF file holds them all. */
static enum status hash_files(struct subject *s, const char *folder, struct error *err)
{
    static const char *const names[] = {
        "config.json",     "generation_config.json", "tokenizer.json",          "tokenizer_config.json",
        "tokenizer.model", "added_tokens.json",      "special_tokens_map.json", "chat_template.jinja"};
    struct text all = {0};
    enum status status = OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == OK && file_is_directory(folder); i++) {
        char *path = path_join(folder, names[i]), *text = NULL, hex[65];
        size_t length = 0;
        if (path != NULL && file_exists(path) && (status = file_read(&text, &length, path, err)) == OK) {
            sha256_hex(hex, text, length);
            text_printf(&all, "%s %s\n", names[i], hex);
        }
        free(text);
        free(path);
    }
    sha256_hex(s->files, all.data ? all.data : "", all.len);
    text_free(&all);
    return status;
}

static void note_lines(struct experiment *e, const char *lines)
{
    for (size_t n; lines != NULL && *lines != '\0'; lines += n + 1) {
        n = strcspn(lines, "\n");
        experiment_note(e, "%.*s", (int)n, lines);
    }
}

static enum status load_subject(struct experiment *e, const char *name, size_t length, const char *folder, struct error *err)
{
    struct subject *s = &e->subjects[e->n_subjects];
    s->name = strndup(name, length);
    if (s->name == NULL)
        return error_set(err, ERR_SYSTEM, "models: out of memory");
    for (size_t i = 0; i < e->n_subjects; i++)
        if (strcmp(e->subjects[i].name, s->name) == 0) {
            free(s->name);
            return error_set(err, ERR_USAGE, "--model: the name '%.*s' is there twice, expected different names", (int)length,
                             name);
        }
    e->n_subjects++;
    enum status status = subject_load(s, e, folder, err);
    s->model.compute = (enum compute)e->common.compute; /* the choices stand in its order */
    return status;
}

enum status subject_load(struct subject *s, struct experiment *e, const char *folder, struct error *err)
{
    enum status status = model_load(&s->model, folder, err);
    if (status == OK) {
        model_hash(&s->model, s->sha256);
        status = hash_files(s, folder, err);
        note_lines(e, s->model.notes.data);
    }
    if (status != OK || (e->task->no_texts && !tokenizer_exists(folder)))
        return status;
    status = tokenizer_load(&s->tokenizer, folder, err);
    if (status == OK)
        snprintf(s->tokens, sizeof s->tokens, "%s", tokenizer_sha256(s->tokenizer));
    if (status == OK)
        status = tokenizer_fits(s->tokenizer, s->model.config.vocab_size, folder, err);
    if (status == OK && e->common.chat)
        status = chat_template_load(&s->chat, folder, err);
    size_t beyond = status == OK ? tokenizer_beyond(s->tokenizer, s->model.config.vocab_size) : 0;
    if (beyond > 0)
        experiment_note(e, "%s: %zu added tokens are beyond the model's vocab_size %zu, texts that have them are errors", s->name,
                        beyond, s->model.config.vocab_size);
    return status;
}

static enum status load_embedded(struct experiment *e, struct error *err)
{
    static const char *const names[] = {"transformer", "diff-transformer"};
    enum status status = OK;
    for (size_t i = 0; i < 2 && status == OK; i++) {
        char relative[64];
        snprintf(relative, sizeof relative, "models/%s", names[i]);
        char *folder = embedded_path(relative);
        status = folder ? load_subject(e, names[i], strlen(names[i]), folder, err)
                        : error_set(err, ERR_SYSTEM, "models: out of memory");
        free(folder);
    }
    return status;
}

static enum status load_named(struct experiment *e, const struct strings *list, struct error *err)
{
    enum status status = OK;
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->data[i], *equals = strchr(text, '=');
        if (equals == text || (equals != NULL && equals[1] == '\0'))
            return error_set(err, ERR_USAGE, "--model: '%s' is wrong, expected NAME=DIR", text);
        const char *folder = equals ? equals + 1 : text, *base = strrchr(text, '/');
        const char *name = equals ? text : base && base[1] ? base + 1 : text;
        status = load_subject(e, name, equals ? (size_t)(equals - text) : strlen(name), folder, err);
        if (status != OK)
            return status;
    }
    return status;
}

/* The index of the model that --baseline names; without it the first. */
static enum status find_baseline(struct experiment *e, struct error *err)
{
    const char *name = e->common.baseline;
    for (size_t i = 0; name != NULL && i < e->n_subjects; i++)
        if (e->subjects[i].name != NULL && strcmp(e->subjects[i].name, name) == 0) {
            e->baseline = i;
            return OK;
        }
    return name == NULL
               ? OK
               : error_set(err, ERR_USAGE, "--baseline: there is no model '%s', expected the name of one of the models", name);
}

/* Takes over the options, and makes room for n subjects. */
/* A value that stands twice in a list would count twice: the second one goes, with a word. */
static void drop_repeated(struct experiment *e, const struct option_spec *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        bool list = o->kind == OPTION_INTS || o->kind == OPTION_NUMBERS || o->kind == OPTION_RATIOS;
        cJSON *values = list ? cJSON_GetObjectItemCaseSensitive(e->options, o->name) : NULL;
        for (cJSON *a = values ? values->child : NULL; a != NULL; a = a->next)
            for (cJSON *b = a->next, *next; b != NULL; b = next) {
                next = b->next;
                if (!cJSON_Compare(a, b, true))
                    continue;
                char *text = cJSON_PrintUnformatted(b);
                experiment_note(e, "--%s: %s stands there twice, it counts once", o->name, text);
                free(text);
                cJSON_Delete(cJSON_DetachItemViaPointer(values, b));
            }
    }
}

static enum status begin(struct experiment *e, const struct task *task, cJSON *options, struct error *err)
{
    *e = (struct experiment){.task = task, .options = options, .data = cJSON_CreateArray(), .notes = cJSON_CreateArray()};
    drop_repeated(e, task->options);
    bool ok = options_fill(&e->common, COMMON_OPTIONS, options);
    e->seed = e->common.seed;
    e->settings = calloc(1, task->settings_size);
    ok = e->settings != NULL && options_fill(e->settings, task->options, options) && ok;
    return ok && e->data != NULL && e->notes != NULL ? OK : error_set(err, ERR_SYSTEM, "options: out of memory");
}

static enum status make_room(struct experiment *e, size_t n, struct error *err)
{
    e->subjects = calloc(n ? n : 1, sizeof *e->subjects);
    return e->subjects ? OK : error_set(err, ERR_SYSTEM, "models: out of memory");
}

enum status experiment_open(struct experiment *e, const struct task *task, cJSON *options, struct error *err)
{
    enum status status = begin(e, task, options, err);
    size_t n = e->common.models.n;
    if (status == OK && e->common.chat && !task->chats)
        status = error_set(err, ERR_USAGE, "--chat: %s has no questions to ask, expected needle, hallucination, math or ruler",
                           task->name);
    if (status == OK && e->common.system != NULL && !e->common.chat)
        status = error_set(err, ERR_USAGE, "--system: there are no messages, expected --chat");
    if (status == OK && task->no_models && n > 0)
        status =
            error_set(err, ERR_USAGE, "--model: %s runs no models, it reads results of trainings, expected --data", task->name);
    if (status == OK)
        status = make_room(e, n ? n : 2, err);
    if (status == OK && !task->no_models)
        status = n ? load_named(e, &e->common.models, err) : load_embedded(e, err);
    if (status == OK && !task->no_models)
        status = find_baseline(e, err);
    if (status == OK && task->prepare != NULL)
        status = task->prepare(e, err);
    if (status == OK && task->no_models)
        status = find_baseline(e, err);
    if (status != OK)
        experiment_close(e);
    return status;
}

enum status experiment_open_stored(struct experiment *e, const struct task *task, cJSON *options, const cJSON *models,
                                   struct error *err)
{
    const cJSON *m;
    enum status status = begin(e, task, options, err);
    if (status == OK)
        status = make_room(e, (size_t)cJSON_GetArraySize(models), err);
    cJSON_ArrayForEach(m, models)
    {
        const char *tokens = json_text(m, "tokenizer_sha256");
        if (status == OK) {
            struct subject *s = &e->subjects[e->n_subjects++];
            s->name = strdup(json_text(m, "name"));
            snprintf(s->tokens, sizeof s->tokens, "%s", tokens ? tokens : "");
        }
    }
    if (status == OK)
        status = find_baseline(e, err);
    if (status == OK && task->rescore_reads_data)
        status = task->prepare(e, err);
    if (status != OK)
        experiment_close(e);
    return status;
}

void subject_free(struct subject *s)
{
    free(s->name);
    model_free(&s->model);
    tokenizer_free(s->tokenizer);
    chat_template_free(s->chat);
    *s = (struct subject){0};
}

void experiment_close(struct experiment *e)
{
    if (e->state != NULL && e->task->release != NULL)
        e->task->release(e);
    for (size_t i = 0; e->subjects != NULL && i < e->n_subjects; i++)
        subject_free(&e->subjects[i]);
    free(e->subjects);
    options_release(&e->common, COMMON_OPTIONS);
    options_release(e->settings, e->task->options);
    free(e->settings);
    cJSON_Delete(e->options);
    cJSON_Delete(e->data);
    cJSON_Delete(e->notes);
    *e = (struct experiment){0};
}

static void add_note(struct experiment *e, struct text *note)
{
    cJSON_AddItemToArray(e->notes, cJSON_CreateString(note->data ? note->data : ""));
    text_free(note);
}

void experiment_note(struct experiment *e, const char *format, ...)
{
    char sentence[512];
    struct text note = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    say(stderr, "warning: %s\n", sentence);
    text_puts(&note, sentence);
    add_note(e, &note);
}

static void note_tokenizers(struct experiment *e)
{
    for (size_t i = 1; i < e->n_subjects; i++) {
        const struct tokenizer *a = e->subjects[0].tokenizer, *b = e->subjects[i].tokenizer;
        struct text note = {0};
        if (a == NULL || b == NULL || strcmp(tokenizer_sha256(a), tokenizer_sha256(b)) == 0)
            continue;
        text_printf(&note, "%s and %s have different tokenizers: texts are cut by each model's own tokens", e->subjects[0].name,
                    e->subjects[i].name);
        add_note(e, &note);
    }
}

size_t experiment_capacity(const struct experiment *e, const void *item)
{
    return e->task->tokens(e, item) + (e->task->spare ? e->task->spare(e, item) : 0);
}

enum status experiment_check_fit(struct experiment *e, const struct plan *plan, struct error *err)
{
    size_t longest = 0;
    for (size_t i = 0; i < plan->n && e->task->tokens != NULL; i++) {
        size_t n = e->task->tokens(e, plan_item(plan, i));
        longest = n > longest ? n : longest;
    }
    for (size_t i = 0; i < e->n_subjects && !e->task->no_models; i++) {
        const struct subject *s = &e->subjects[i];
        struct text note = {0};
        if (longest <= s->model.config.context)
            continue;
        if (e->common.beyond_context == BEYOND_REFUSE)
            return error_set(err, ERR_INPUT, "%s: items need up to %zu tokens, expected at most max_position_embeddings = %zu",
                             s->model.folder, longest, s->model.config.context);
        text_printf(&note, "%s: items of up to %zu tokens exceed its max_position_embeddings of %zu", s->name, longest,
                    s->model.config.context);
        if (e->common.beyond_context == BEYOND_WARN)
            say(stderr, "warning: %s\n", note.data ? note.data : "");
        add_note(e, &note);
    }
    note_tokenizers(e);
    return OK;
}

cJSON *experiment_options(const struct experiment *e)
{
    cJSON *out = cJSON_Duplicate(e->options, true);
    const struct option_spec *tables[] = {COMMON_OPTIONS, e->task->options};
    for (size_t t = 0; t < 2; t++)
        for (const struct option_spec *o = tables[t]; o->name != NULL; o++)
            if (o->local)
                cJSON_DeleteItemFromObjectCaseSensitive(out, o->name);
    return out;
}

void experiment_digest(const struct experiment *e, char hex[65])
{
    struct text all = {0};
    cJSON *options = experiment_options(e);
    char *printed = cJSON_PrintUnformatted(options), *data = cJSON_PrintUnformatted(e->data);
    text_printf(&all, "%s %d %s %s\n%s\n%s\n%s\n", DIFFTF_VERSION, NUMERIC_VERSION, kernels_get()->name, openblas_get_corename(),
                e->task->name, printed ? printed : "", data ? data : "");
    for (size_t i = 0; i < e->n_subjects; i++)
        text_printf(&all, "%s %s %s %s\n", e->subjects[i].name, e->subjects[i].sha256, e->subjects[i].files,
                    e->subjects[i].tokenizer ? tokenizer_sha256(e->subjects[i].tokenizer) : "");
    sha256_hex(hex, all.data ? all.data : "", all.len);
    cJSON_Delete(options);
    free(printed);
    free(data);
    text_free(&all);
}

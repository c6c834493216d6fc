/* lm_eval_files.c - see lm_eval_files.h. */
#include "report/lm_eval_files.h"

#include "base/file.h"
#include "formats/json.h"
#include "report/lm_eval.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const char RESULTS[] = "results_", SAMPLES[] = "samples_", RESULTS_END[] = ".json", SAMPLES_END[] = ".jsonl";

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_named(const char *path, const char *begins, const char *ends)
{
    const char *name = base_name(path);
    size_t n = strlen(name), k = strlen(ends);
    return n > k && strncmp(name, begins, strlen(begins)) == 0 && strcmp(name + n - k, ends) == 0;
}

static int is_results(const struct dirent *d)
{
    return is_named(d->d_name, RESULTS, RESULTS_END);
}

static int is_samples(const struct dirent *d)
{
    return is_named(d->d_name, SAMPLES, SAMPLES_END);
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

bool lm_eval_named(const char *path)
{
    return file_is_directory(path) || is_named(path, RESULTS, RESULTS_END) || is_named(path, SAMPLES, SAMPLES_END);
}

/* The date in a name of either kind, as a string that the caller frees: dates have no underscore. */
static char *date_of(const char *path)
{
    const char *date = strrchr(base_name(path), '_');
    date = date ? date + 1 : "";
    const char *end = strstr(date, RESULTS_END);
    return strndup(date, end ? (size_t)(end - date) : strlen(date));
}

char *lm_eval_task_of(const char *samples)
{
    const char *name = base_name(samples) + strlen(SAMPLES), *end = strrchr(name, '_');
    end = end != NULL && end > name ? end : strstr(name, SAMPLES_END);
    return strndup(name, (size_t)(end - name));
}

/* The paths of a folder's entries that `keeps` does, in the order of their names. */
static cJSON *list_folder(const char *folder, int (*keeps)(const struct dirent *))
{
    struct dirent **entries;
    cJSON *paths = cJSON_CreateArray();
    int n = scandir(folder, &entries, keeps, alphasort);
    for (int i = 0; i < n; i++) {
        char *path = path_join(folder, entries[i]->d_name);
        cJSON_AddItemToArray(paths, cJSON_CreateString(path));
        free(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return paths;
}

/* Adds a run: the samples of a folder that have its results' date. */
static void add_run(cJSON *runs, const char *folder, const char *results, const char *date)
{
    cJSON *run = cJSON_CreateObject(), *found = list_folder(folder, is_samples);
    const cJSON *path;
    cJSON_AddStringToObject(run, "folder", base_name(folder));
    if (results != NULL)
        cJSON_AddStringToObject(run, "results", results);
    cJSON *samples = cJSON_AddArrayToObject(run, "samples");
    cJSON_ArrayForEach(path, found)
    {
        char *its = date_of(path->valuestring);
        if (strcmp(its, date) == 0)
            cJSON_AddItemToArray(samples, cJSON_CreateString(path->valuestring));
        free(its);
    }
    cJSON_Delete(found);
    cJSON_AddItemToArray(runs, run);
}

/* The newest date of a list of paths, which the caller frees; NULL: there are none. */
static char *newest(const cJSON *paths, const char **of)
{
    const cJSON *path;
    char *best = NULL;
    *of = NULL;
    cJSON_ArrayForEach(path, paths)
    {
        char *date = date_of(path->valuestring);
        if (best == NULL || strcmp(date, best) > 0) {
            free(best);
            best = date;
            *of = path->valuestring;
        } else {
            free(date);
        }
    }
    return best;
}

/* The newest run of a folder; false when it has none. */
static bool add_folder(cJSON *runs, const char *folder)
{
    cJSON *results = list_folder(folder, is_results), *samples = list_folder(folder, is_samples);
    const char *of;
    char *date = newest(results, &of);
    if (date == NULL) {
        date = newest(samples, &of);
        of = NULL;
    }
    if (date != NULL)
        add_run(runs, folder, of, date);
    cJSON_Delete(results);
    cJSON_Delete(samples);
    free(date);
    return date != NULL;
}

enum status lm_eval_list(cJSON **runs, const char *path, struct error *err)
{
    *runs = cJSON_CreateArray();
    if (file_is_directory(path)) {
        if (add_folder(*runs, path))
            return OK;
        cJSON *below = list_folder(path, is_visible);
        const cJSON *folder;
        cJSON_ArrayForEach(folder, below)
        {
            if (file_is_directory(folder->valuestring))
                add_folder(*runs, folder->valuestring);
        }
        cJSON_Delete(below);
        return (*runs)->child ? OK
                              : error_set(err, ERR_INPUT,
                                          "%s: holds no results_*.json or samples_*.jsonl, expected a report, or a "
                                          "folder of the LM Evaluation Harness",
                                          path);
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("."), *date = date_of(path);
    bool samples = is_named(path, SAMPLES, SAMPLES_END);
    add_run(*runs, folder, samples ? NULL : path, samples ? "" : date);
    if (samples)
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive((*runs)->child, "samples"), cJSON_CreateString(path));
    free(folder);
    free(date);
    return OK;
}

/* Is there a word that stands for a number which JSON has not? */
static size_t odd_number(const char *text, size_t left)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (n <= left && memcmp(text, words[i], n) == 0)
            return n;
    }
    return 0;
}

enum status lm_eval_parse(cJSON **root, const char *name, const char *text, size_t length, struct error *err)
{
    struct text plain = {0};
    bool quoted = false;
    text_puts(&plain, "");
    for (size_t i = 0, from = 0; i <= length; i++) {
        size_t odd = quoted || i == length ? 0 : odd_number(text + i, length - i);
        if (odd > 0 || i == length) {
            text_add(&plain, text + from, i - from);
            text_puts(&plain, odd ? "null" : "");
            i += odd ? odd - 1 : 0;
            from = i + 1;
        } else if (quoted && text[i] == '\\' && i + 1 < length) {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        }
    }
    enum status status = json_parse(root, name, plain.data, plain.len, err);
    text_free(&plain);
    return status;
}

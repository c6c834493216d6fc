/* export.c - `export`: a report in the layout of another program. */
#include "base/visible.h"
#include "cli/commands.h"
#include "report/compare.h"
#include "report/lm_eval.h"

static const struct option_spec OPTIONS[] = {
    {"format", OPTION_CHOICE, "lm-eval", 0, 0, "lm-eval",
     "whose: results_*.json and samples_*.jsonl of the LM Evaluation Harness", false, 0},
    {"out", OPTION_STRING, NULL, 0, 0, "DIR", "folder to write, with one for each model in it", false, 0},
    OPTIONS_END,
};

static enum status export(const cJSON *options, const cJSON *arguments, struct error *err) {
    const char *out = option_string(options, "out"); cJSON *report = NULL; int n = cJSON_GetArraySize(arguments), files = 0;
    if (n != 1 && (n != 2 || out != NULL)) return error_set(err, ERR_USAGE, "export: %d reports given, expected one", n);
    out = n == 2 ? arguments->child->next->valuestring : out;
    if (out == NULL) return error_set(err, ERR_USAGE, "--out: is missing, expected the folder to write");
    enum status status = report_read(&report, arguments->child->valuestring, err);
    if (status == OK) status = lm_eval_write(out, report, &files, err);
    cJSON_Delete(report);
    if (status == OK) say(stdout, "%d files in %s\n", files, out);
    return status;
}

const struct command COMMAND_EXPORT = {"export", "REPORT", "a report as results and samples of the LM Evaluation Harness",
                                       OPTIONS, export};

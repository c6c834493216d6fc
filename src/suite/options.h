/* options.h - one table of options parses the command line, a YAML file, and prints the help.
 *
 * The values form one JSON object, which the report carries whole: every option
 * is there, defaults too, under the name it has on the command line.
 */
#ifndef DIFFTF_SUITE_OPTIONS_H
#define DIFFTF_SUITE_OPTIONS_H

#include "base/memory.h"
#include "formats/json.h"

#include <stddef.h>

enum option_kind {
    OPTION_FLAG,   /* no value; true when given                    */
    OPTION_INT,    /* integer in [low, high]                       */
    OPTION_NUMBER, /* number in [low, high]                        */
    OPTION_STRING,
    OPTION_INTS,    /* comma-separated integers in [low, high]      */
    OPTION_NUMBERS, /* comma-separated numbers in [low, high]       */
    OPTION_RATIOS,  /* comma-separated N/R, 1 <= R <= N <= high     */
    OPTION_STRINGS, /* may be given several times                   */
};

struct option_spec {
    const char *name; /* without the dashes; NULL ends a table */
    enum option_kind kind;
    const char *initial; /* as on the command line; NULL: absent unless given */
    double low, high;
    const char *argument, *help;
    bool local; /* does not change the result: kept out of the report's options */
};

/* Fills `values` from the defaults, then the YAML file of --config, then the arguments, of one or two tables.
 * What is no option goes into the array `rest` (or is an error when rest is NULL). */
enum status options_parse(cJSON **values, cJSON *rest, const struct option_spec *common, const struct option_spec *own, int argc,
                          char **argv, struct error *err);
/* Sets options from the members of an object, as a YAML file or a report holds them; `name` stands for it in messages. */
enum status options_set(cJSON *values, const cJSON *object, const char *name, const struct option_spec *common,
                        const struct option_spec *own, struct error *err);
/* Help text: one line an option with its default and range. */
void options_help(struct text *out, const struct option_spec *table);

/* Values after parsing; the option must be in the table. */
double option_number(const cJSON *values, const char *name);
size_t option_size(const cJSON *values, const char *name);
const char *option_string(const cJSON *values, const char *name); /* NULL when absent */
bool option_flag(const cJSON *values, const char *name);

#endif

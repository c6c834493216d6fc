/* options.h - one table of options parses the command line and YAML files, prints the help, and says where each value lands.
 *
 * The values form one JSON object, which the report carries whole: every option is there, defaults too, under the name it has on
 * the command line. A task reads none of it: `options_fill` writes them into a struct of its own, at the offsets of the table.
 */
#ifndef DIFFTF_SUITE_OPTIONS_H
#define DIFFTF_SUITE_OPTIONS_H

#include "base/memory.h"
#include "formats/json.h"

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,    /* no value; true when given                    bool                                        */
    OPTION_INT,     /* integer in [low, high], low >= 0             size_t, OPTION_ABSENT when absent           */
    OPTION_NUMBER,  /* number in [low, high]                        double, NAN when absent                     */
    OPTION_STRING,  /*                                              const char *, NULL when absent              */
    OPTION_CHOICE,  /* one of the words of `argument`, "a|b|c"      unsigned: which of them                     */
    OPTION_CHOICES, /* several of them, comma-separated             unsigned: a bit each, 0 when absent         */
    OPTION_INTS,    /* comma-separated integers in [low, high]      struct sizes                                */
    OPTION_NUMBERS, /* comma-separated numbers in [low, high]       struct numbers                              */
    OPTION_RATIOS,  /* comma-separated N/R, 1 <= R <= N <= high     struct ratios                               */
    OPTION_STRINGS, /* may be given several times                   struct strings                              */
};

#define OPTION_ABSENT SIZE_MAX

struct sizes {
    size_t *data, n;
};
struct numbers {
    double *data;
    size_t n;
};
struct ratio {
    size_t all, part;
};
struct ratios {
    struct ratio *data;
    size_t n;
};
struct strings {
    const char **data;
    size_t n;
};

struct option_spec {
    const char *name; /* without the dashes; NULL ends a table */
    enum option_kind kind;
    const char *initial; /* as on the command line; NULL: absent unless given */
    double low, high;
    const char *argument, *help;
    bool local;    /* does not change the result: kept out of the report's options */
    size_t offset; /* where options_fill writes the value; 0 in the tables of commands, which look values up by name */
};

#define OPTIONS_END                                                                                                              \
    {                                                                                                                            \
        NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, false, 0                                                                      \
    }

/* Fills `values` from the defaults, then the YAML file of --config, then the arguments, of one or two tables.
 * What is no option goes into the array `rest` (or is an error when rest is NULL). */
enum status options_parse(cJSON **values, cJSON *rest, const struct option_spec *common, const struct option_spec *own, int argc,
                          char **argv, struct error *err);
/* Sets options from the members of an object, as a YAML file or a report holds them; `name` stands for it in messages. */
enum status options_set(cJSON *values, const cJSON *object, const char *name, const struct option_spec *common,
                        const struct option_spec *own, struct error *err);
/* " (default D; LOW to HIGH)" as far as the option has them, else nothing. */
void option_range(struct text *out, const struct option_spec *option);
/* Help text: one line an option with its default and range. */
void options_help(struct text *out, const struct option_spec *table);

/* Writes the values into the struct that the table's offsets are of; strings go on living in `values`. Lists are freed by
 * options_release. False when out of memory. */
bool options_fill(void *to, const struct option_spec *table, const cJSON *values);
void options_release(void *from, const struct option_spec *table);

/* Values after parsing, for commands; the option must be in the table. */
double option_number(const cJSON *values, const char *name);
size_t option_size(const cJSON *values, const char *name);
const char *option_string(const cJSON *values, const char *name); /* NULL when absent */
bool option_flag(const cJSON *values, const char *name);
/* Which of the words "a|b|c" it is. */
unsigned option_choice(const cJSON *values, const char *name, const char *words);

#endif

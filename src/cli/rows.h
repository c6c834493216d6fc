/* rows.h - which rows of reports a command shows, and how they are written: the options that table and compare share. */
#ifndef DIFFTF_CLI_ROWS_H
#define DIFFTF_CLI_ROWS_H

#include "report/table.h"
#include "suite/options.h"

#define ROWS_OPTIONS                                                                                                               \
    {"format", OPTION_CHOICE, "text", 0, 0, "text|markdown|csv|latex|json", "how the table is written", false, 0},                 \
        {"metric", OPTION_STRINGS, NULL, 0, 0, "NAME", "these metrics alone; repeatable", false, 0},                               \
        {"where", OPTION_STRINGS, NULL, 0, 0, "NAME=VALUE", "rows of this setting alone, e.g. length=1024; repeatable", false, 0}, \
    {                                                                                                                              \
        "wide", OPTION_FLAG, NULL, 0, 0, NULL, "a line for each row, however long; else tables fit the terminal, or 80 columns",   \
            false, 0                                                                                                               \
    }

/* Drops the rows that --metric and --where leave out; an error that names what there is when those are all of them. `lists` ends
 * with NULL. */
enum status rows_keep(cJSON *const *lists, const cJSON *options, struct error *err);
/* Tables as the options want them: names in words and lines that fit for people, the report's own names for programs. */
struct tables rows_tables(const cJSON *options);
bool rows_are_text(const cJSON *options);
bool rows_are_csv(const cJSON *options);
void rows_print(const struct tables *tables, const cJSON *options);
/* Prints what `write` (report/tidy.h) makes of them. */
void rows_print_csv(void (*write)(struct text *out, const cJSON *of), const cJSON *of);

#endif

/* rows.c - see rows.h. */
#include "cli/rows.h"

#include "base/list.h"
#include "base/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "NAME=VALUE" of one member of a row's `where`. */
static void write_setting(struct text *out, const cJSON *member)
{
    text_printf(out, "%s=", member->string);
    if (cJSON_IsNumber(member))
        text_printf(out, "%.9g", member->valuedouble);
    else
        text_puts(out, cJSON_IsString(member) ? member->valuestring : cJSON_IsTrue(member) ? "yes" : "no");
}

static bool is_at(const cJSON *where, const char *wanted)
{
    const cJSON *member;
    bool found = false;
    cJSON_ArrayForEach(member, where)
    {
        struct text text = {0};
        write_setting(&text, member);
        found = found || strcmp(text.data, wanted) == 0;
        text_free(&text);
    }
    return found;
}

static bool is_wanted(const cJSON *row, const cJSON *options)
{
    const cJSON *item, *metrics = json_path(options, "metric");
    bool named = metrics == NULL;
    cJSON_ArrayForEach(item, metrics) named = named || list_has(item->valuestring, json_text(row, "name"));
    cJSON_ArrayForEach(item, json_path(options, "where")) named = named && is_at(json_path(row, "where"), item->valuestring);
    return named;
}

/* Every word once, in the order of their coming. */
static void add_once(cJSON *words, const char *word)
{
    const cJSON *w;
    cJSON_ArrayForEach(w, words)
    {
        if (strcmp(w->valuestring, word) == 0)
            return;
    }
    cJSON_AddItemToArray(words, cJSON_CreateString(word));
}

/* The names of the metrics, or the settings of all rows. */
static cJSON *words_of(cJSON *const *lists, bool settings)
{
    cJSON *words = cJSON_CreateArray();
    const cJSON *row, *member;
    for (; *lists != NULL; lists++)
        cJSON_ArrayForEach(row, *lists)
        {
            if (!settings)
                add_once(words, json_text(row, "name"));
            for (member = settings ? json_path(row, "where")->child : NULL; member != NULL; member = member->next) {
                struct text text = {0};
                write_setting(&text, member);
                add_once(words, text.data);
                text_free(&text);
            }
        }
    return words;
}

/* What was asked for and is nowhere, and what there is instead: the nearest first. */
static enum status check_words(const char *option, const cJSON *wanted, const cJSON *words, struct error *err)
{
    enum { MOST = 12 };
    const cJSON *item, *w;
    cJSON_ArrayForEach(item, wanted)
    {
        struct text all = {0};
        const char *names[4096] = {NULL};
        size_t n = 0;
        bool found = false;
        cJSON_ArrayForEach(w, words)
        {
            found = found || list_has(item->valuestring, w->valuestring);
            if (n + 1 < sizeof names / sizeof *names)
                names[n++] = w->valuestring;
            if (n <= MOST)
                text_printf(&all, "%s%s", n > 1 ? ", " : "", w->valuestring);
        }
        if (!found && n == 0)
            error_write(err, ERR_USAGE, "--%s: no row has '%.80s', expected none: the report has no rows of that kind", option,
                        item->valuestring);
        else if (!found)
            error_write(err, ERR_USAGE, "--%s: no row has '%.80s', did you mean %s? (there are %s%s)", option, item->valuestring,
                        list_nearest(item->valuestring, names), all.data ? all.data : "", n > MOST ? ", .." : "");
        text_free(&all);
        if (!found)
            return ERR_USAGE;
    }
    return OK;
}

enum status rows_keep(cJSON *const *lists, const cJSON *options, struct error *err)
{
    static const char *const names[] = {"metric", "where"};
    size_t kept = 0;
    enum status status = OK;
    if (!json_has(options, "metric") && !json_has(options, "where"))
        return OK;
    for (size_t i = 0; i < 2 && status == OK; i++) {
        cJSON *words = words_of(lists, i == 1);
        status = check_words(names[i], json_path(options, names[i]), words, err);
        cJSON_Delete(words);
    }
    for (; status == OK && *lists != NULL; lists++)
        for (cJSON *row = (*lists)->child, *next; row != NULL; row = next) {
            next = row->next;
            if (is_wanted(row, options))
                kept++;
            else
                cJSON_Delete(cJSON_DetachItemViaPointer(*lists, row));
        }
    return status != OK || kept > 0
               ? status
               : error_set(err, ERR_USAGE, "--where: no row has all of --metric and --where together, expected fewer of them");
}

bool rows_are_text(const cJSON *options)
{
    return strcmp(option_string(options, "format"), "text") == 0;
}

bool rows_are_csv(const cJSON *options)
{
    return strcmp(option_string(options, "format"), "csv") == 0;
}

struct tables rows_tables(const cJSON *options)
{
    bool wide = option_flag(options, "wide") || !rows_are_text(options);
    return (struct tables){.words = strcmp(option_string(options, "format"), "json") != 0,
                           .width = wide ? 0 : (size_t)terminal_columns(STDOUT_FILENO)};
}

void rows_print(const struct tables *tables, const cJSON *options)
{
    struct text out = {0};
    table_writer_find(option_string(options, "format"))(&out, tables);
    fputs(out.data ? out.data : "", stdout);
    text_free(&out);
}

void rows_print_csv(void (*write)(struct text *out, const cJSON *of), const cJSON *of)
{
    struct text out = {0};
    write(&out, of);
    fputs(out.data, stdout);
    text_free(&out);
}

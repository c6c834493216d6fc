/* journal.h - finished items, appended line by line so that nothing is computed twice.
 *
 * Each line is a CRC-32 in hexadecimal, a space, and one JSON object. The first
 * names the run by its digest.  A torn or damaged last line is dropped.
 */
#ifndef DIFFTF_SUITE_JOURNAL_H
#define DIFFTF_SUITE_JOURNAL_H

#include "formats/json.h"

struct journal {
    char *path;
    int fd;
    cJSON *results; /* item id -> model name -> result: what was there when it was opened */
};

/* Opens or makes the journal of the run `digest`; one of another run is an error unless `fresh`, which starts over. */
enum status journal_open(struct journal *j, const char *path, const char *digest, bool fresh, struct error *err);
/* Appends one result and flushes it to disk. Not for several threads at once. */
enum status journal_add(struct journal *j, const char *item, const char *model, const cJSON *result, struct error *err);
/* NULL when the item has not been finished. */
const cJSON *journal_find(const struct journal *j, const char *item, const char *model);
/* Closes it; `remove` deletes the file: the report is written. */
void journal_close(struct journal *j, bool remove);

#endif

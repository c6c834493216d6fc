/* journal.h - finished items, appended line by line so that nothing is computed twice.
 *
 * Each line is a CRC-32 in hexadecimal, a space, and one JSON object. The first names the run by its digest, every other one by
 * the digest's beginning: so each good line counts for itself, whatever has become of those around it. A last line that a kill
 * has torn is dropped; a damaged one before it is passed over and counted. A file without one good line is no journal and is
 * left alone.
 */
#ifndef DIFFTF_SUITE_JOURNAL_H
#define DIFFTF_SUITE_JOURNAL_H

#include "formats/json.h"

struct journal_entry {
    const char *item, *model;
    cJSON *line, *result;
};

struct journal {
    char *path;
    int fd;
    char run[13]; /* the beginning of the digest */
    /* What was there when it was opened, by item and model. */
    struct journal_entry *entries;
    size_t n, capacity, damaged;
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

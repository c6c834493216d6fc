/* records.h - a data set as an array of objects: JSON lines, a JSON array, CSV or TSV with a header line. */
#ifndef DIFFTF_FORMATS_RECORDS_H
#define DIFFTF_FORMATS_RECORDS_H

#include "formats/json.h"

/* Does the file's name say that it holds records (and no plain text)? .jsonl, .ndjson, .json, .csv, .tsv, each also packed. */
bool records_named(const char *path);
/* The records of a text, in the format that the file's name says (JSON lines where it says none); the caller deletes the array.
 * Fields of CSV are strings. */
enum status records_parse(cJSON **records, const char *path, const char *text, size_t length, struct error *err);

#endif

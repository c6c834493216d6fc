/* records.h - a data set as an array of objects: JSON lines, a JSON array, CSV or TSV with a header line, Parquet. */
#ifndef DIFFTF_FORMATS_RECORDS_H
#define DIFFTF_FORMATS_RECORDS_H

#include "formats/json.h"

/* Does the file's name say that it holds records (and no plain text)? .jsonl, .ndjson, .json, .csv, .tsv, each also packed,
 * and .parquet. */
bool records_named(const char *path);
/* The records of a file's bytes, in the format that its name says (JSON lines where it says none; Parquet also by its first
 * bytes); a NUL follows text. The caller deletes the array. Fields of CSV are strings. */
enum status records_parse(cJSON **records, const char *path, const char *text, size_t length, struct error *err);
/* Those of a file and its SHA-256 in hexadecimal. A name with "-00000-of-0000N" in it, the first of N parts as hubs cut data
 * sets, stands for all of them, in order; the digest is then that of their digests. */
enum status records_read(cJSON **records, char sha256[65], const char *path, struct error *err);

#endif

/* parquet.h - the records of an Apache Parquet file, as hubs have their data sets.
 *
 * Source: the format's specification, https://github.com/apache/parquet-format. Data pages of both versions, dictionaries, every
 * encoding but the bit-packed levels of before 2014, pages as they are or packed by Snappy, gzip or zstd; lists, structs and
 * maps at any depth within bounds.h. What is beyond that is refused by its name.
 */
#ifndef DIFFTF_FORMATS_PARQUET_H
#define DIFFTF_FORMATS_PARQUET_H

#include "formats/json.h"

#include <stddef.h>

/* Do the bytes begin as a Parquet file does? */
bool parquet_begins(const void *bytes, size_t size);

/* Appends the records to the array `records`; `path` names the file in messages. A struct becomes an object, a list an array, a
 * map an object by its keys; whole numbers of more than 15 digits and decimals become text, so that no digit is lost; times
 * are ISO 8601, NaN and infinities null. Row groups are unpacked one page at a time. */
enum status parquet_parse(cJSON *records, const char *path, const void *bytes, size_t size, struct error *err);

#endif

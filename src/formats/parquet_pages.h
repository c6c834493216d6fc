/* parquet_pages.h - the pages of one column of a row group, one after another, unpacked and decoded. */
#ifndef DIFFTF_FORMATS_PARQUET_PAGES_H
#define DIFFTF_FORMATS_PARQUET_PAGES_H

#include "formats/parquet_values.h"

/* A file being read, and what it has given so far: bounds.h says how much it may. */
struct parquet_source {
    const unsigned char *bytes;
    size_t size, unpacked, texts, values;
};
/* Counts bytes of text in records, or values; false when they are too many. */
bool parquet_count_text(struct parquet_source *s, size_t bytes);
bool parquet_count_values(struct parquet_source *s, uint64_t values);

struct parquet_pages {
    struct parquet_source *source;
    const struct parquet_column *column;
    int64_t codec;
    uint64_t left; /* values */
    struct thrift cursor;
    struct parquet_values dictionary;
    unsigned char *dictionary_bytes, *bytes;
    /* The page at hand: levels of [n] entries, and the values of those that are not null. */
    uint32_t *definition, *repetition;
    size_t n;
    struct parquet_values values;
};

/* Close the pages in any case. */
parquet_fault parquet_pages_open(struct parquet_pages *p, struct parquet_source *source, const struct parquet_column *column,
                                 const struct parquet_chunk *chunk);
/* The next page of values; `*more` is false after the last. */
parquet_fault parquet_pages_next(struct parquet_pages *p, bool *more);
void parquet_pages_close(struct parquet_pages *p);

#endif

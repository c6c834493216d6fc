/* parquet_values.h - the encodings of Parquet: bytes into values, which stay bytes until a record needs them.
 *
 * Source: https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
#ifndef DIFFTF_FORMATS_PARQUET_VALUES_H
#define DIFFTF_FORMATS_PARQUET_VALUES_H

#include "formats/parquet_meta.h"

struct parquet_slice {
    const unsigned char *at;
    size_t n;
};

/* Values of one page, or of a dictionary. The slices point into the page, the dictionary, or `store`. */
struct parquet_values {
    struct parquet_slice *slice; /* [n] */
    size_t n;
    unsigned char *store;
};
void parquet_values_free(struct parquet_values *v);

/* What went wrong, in words that follow "column 'x': "; NULL when nothing did. */
typedef const char *parquet_fault;

/* `count` numbers of `width` bits (0 to 32) in runs and packed groups; damaged when there are not so many. */
parquet_fault parquet_runs(uint32_t *out, size_t count, unsigned width, struct parquet_slice from);

/* `count` values of a column; `most` bounds the bytes of what is stored anew. Free `v` in any case. */
parquet_fault parquet_decode(struct parquet_values *v, size_t count, int64_t encoding, struct parquet_slice from,
                             const struct parquet_node *node, const struct parquet_values *dictionary, size_t most);

#endif

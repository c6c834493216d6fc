/* parquet_meta.h - what the end of a Parquet file says of it: schema, row groups, columns; and the heads of pages.
 *
 * The schema is turned into columns, each with the steps that lead from a record to its value, so that assembling records needs
 * to know nothing of Parquet's ways to write lists and maps.
 */
#ifndef DIFFTF_FORMATS_PARQUET_META_H
#define DIFFTF_FORMATS_PARQUET_META_H

#include "base/status.h"
#include "formats/bounds.h"
#include "formats/parquet_thrift.h"

enum parquet_type { PQ_BOOLEAN, PQ_INT32, PQ_INT64, PQ_INT96, PQ_FLOAT, PQ_DOUBLE, PQ_BYTES, PQ_FIXED, PQ_TYPES };

/* What a value of a column stands for, or a group. */
enum parquet_meaning { PQ_PLAIN, PQ_DECIMAL, PQ_DATE, PQ_TIME, PQ_TIMESTAMP, PQ_UNSIGNED, PQ_FLOAT16, PQ_UUID, PQ_LIST, PQ_MAP };

struct parquet_node {
    char *name;
    enum parquet_type type;
    enum parquet_meaning meaning;
    const char *refused; /* the name of a kind that is not read, or NULL */
    int32_t width;       /* bytes of PQ_FIXED */
    int32_t scale;       /* decimal digits behind the point; of times, of a second: 3, 6 or 9 */
    bool group, optional, repeated, utc;
    size_t n_children, first, after; /* children begin at node `first`; the subtree ends before node `after` */
};

/* From a value to a value within it. Definition and repetition levels are Dremel's (Melnik et al. 2010). */
struct parquet_step {
    const char *name;    /* of the member; NULL: an element of the list */
    unsigned exists;     /* there from this definition level on */
    unsigned filled;     /* and not null from this one on */
    unsigned repetition; /* of an element: the level that begins one more of the same list */
    enum parquet_content { PQ_VALUE, PQ_ARRAY, PQ_OBJECT, PQ_ENTRIES } content; /* the last: of a map, {key, value} each */
};
enum { PQ_STEPS = 2 * PARQUET_DEPTH };

struct parquet_column {
    const struct parquet_node *node;
    struct parquet_step *steps; /* [n_steps] */
    size_t n_steps;
    unsigned max_definition, max_repetition;
    char *path; /* "a.b", for messages */
};

struct parquet_chunk {
    int64_t codec, values, bytes, data, dictionary; /* the last three: a size and places in the file; no dictionary: 0 */
};

struct parquet_meta {
    struct parquet_node *nodes;
    struct parquet_column *columns;
    struct parquet_chunk *chunks; /* [n_groups][n_columns] */
    int64_t *rows;                /* [n_groups] */
    size_t n_nodes, n_columns, n_groups;
};

/* Reads the metadata of a whole file; free it in any case. */
enum status parquet_meta_read(struct parquet_meta *m, const char *path, const unsigned char *bytes, size_t size,
                              struct error *err);
void parquet_meta_free(struct parquet_meta *m);

struct parquet_page {
    enum { PQ_DATA_PAGE, PQ_INDEX_PAGE, PQ_DICTIONARY_PAGE, PQ_DATA_PAGE_V2 } type;
    int64_t unpacked, packed; /* bytes */
    int64_t crc;              /* -1: none */
    int64_t values, encoding;
    int64_t level_encodings[2];                 /* of version 1 */
    int64_t definition_bytes, repetition_bytes; /* of version 2 */
    bool as_is;                                 /* of version 2: the values are not packed */
};
/* The head of a page at the cursor; false when it is damaged. */
bool parquet_page_read(struct parquet_page *page, struct thrift *t);

#endif

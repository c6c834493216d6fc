/* parquet_thrift.h - Thrift's compact protocol, in which the metadata of Parquet files is written.
 *
 * A cursor over bytes: when they end too early or nest too deep, `damaged` is set and every later read gives nothing, so that
 * callers look once, at the end. Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
#ifndef DIFFTF_FORMATS_PARQUET_THRIFT_H
#define DIFFTF_FORMATS_PARQUET_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thrift {
    const unsigned char *at, *end;
    bool damaged;
    int depth;
};

enum thrift_type {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT,
    THRIFT_UUID
};

/* A field of a struct; begin with {0}. */
struct thrift_field {
    int id;
    enum thrift_type type;
};

uint64_t thrift_varint(struct thrift *t);
/* An integer of any width. */
int64_t thrift_int(struct thrift *t);
/* Goes on to the next field; false at the end of the struct. The caller reads or skips what it is. */
bool thrift_next(struct thrift *t, struct thrift_field *field);
void thrift_skip(struct thrift *t, enum thrift_type type);
/* The number of elements of a list, of which each is at least a byte. */
size_t thrift_list(struct thrift *t, enum thrift_type *type);
/* The bytes stay those of the cursor. */
const unsigned char *thrift_binary(struct thrift *t, size_t *n);

#endif

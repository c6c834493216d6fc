/* bounds.h - how much a file from a stranger may ask for: every reader's bounds in one place.
 *
 * A file's size bounds what most readers allocate. Where a few bytes may stand for many, or where time grows faster than the
 * file, the bound is here; beyond it a file is refused with a line that names the bound.
 */
#ifndef DIFFTF_FORMATS_BOUNDS_H
#define DIFFTF_FORMATS_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /* YAML: experiments, recipes, rules and forms are written by people. Anchors are read, aliases are not. */
    YAML_BYTES = 4 << 20,
    YAML_NODES = 20000,
    YAML_DEPTH = 64,
    /* JSON: cJSON stops at CJSON_NESTING_LIMIT, 1000 levels; a node takes 64 bytes for as little as two of the file. */
    JSON_BYTES = 1 << 30,
    /* GGUF: values of its metadata, which holds a tokenizer's tokens, scores, kinds and merges. */
    GGUF_VALUES = 4 << 20,
    /* Parquet: how deep lists and structs nest, columns and the groups that they stand in, and values, nulls too: so many always,
     * then at most PARQUET_RATIO for each byte of the file, since a few bytes may say that a million values are alike. */
    PARQUET_DEPTH = 32,
    PARQUET_NODES = 4096,
    PARQUET_VALUES = 4 << 20,
    PARQUET_RATIO = 16,
    /* Reports: what is compared with what, or drawn, each with each. */
    REPORT_MODELS = 1000,
    REPORT_VIEWS = 1000,
    REPORT_ROWS = 100000,
    /* Packed text and archives: up to UNPACKED_FREE bytes always, then at most UNPACKED_RATIO times the packed size. */
    UNPACKED_FREE = 64 << 20,
    UNPACKED_RATIO = 200,
};

static inline bool unpacked_within_bounds(size_t packed, size_t unpacked)
{
    return unpacked <= UNPACKED_FREE || unpacked / UNPACKED_RATIO <= packed;
}

#endif

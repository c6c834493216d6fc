/* item.h - what a work item is about, as a struct of its task's own, and the table that writes it to JSON and reads it back.
 *
 * An item of needle is {length, depth, needles, asked, sample}, one of icl {arrangement, shots, order}. The table names each
 * member as reports do, in `where` and in the item's id: "length=1024,depth=50,needles=6/2,sample=0".
 */
#ifndef DIFFTF_SUITE_ITEM_H
#define DIFFTF_SUITE_ITEM_H

#include "base/memory.h"
#include "formats/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dimension_kind {
    DIMENSION_SIZE,   /* size_t; ITEM_NONE: this item has none    */
    DIMENSION_NUMBER, /* double                                   */
    DIMENSION_NAME,   /* size_t, an index into `names`            */
    DIMENSION_TEXT,   /* const char *, which outlives the item; NULL: this item has none */
};

#define ITEM_NONE SIZE_MAX

struct dimension {
    const char *name; /* NULL ends a table */
    enum dimension_kind kind;
    size_t offset;
    const char *const *names; /* ended by NULL */
    const char *joint;        /* in the id, instead of ",name=" */
};

/* "name=value,name=value". */
bool item_id(struct text *out, const struct dimension *table, const void *item);
/* {name: value, ..}. */
cJSON *item_where(const struct dimension *table, const void *item);
/* The struct again; `id` stands for the item in messages. Texts point into `where`. */
enum status item_read(void *item, const struct dimension *table, const cJSON *where, const char *id, struct error *err);

/* The items of a run, in the order of the report. */
struct plan {
    const struct dimension *dimensions;
    size_t item_size; /* bytes */
    unsigned char *items;
    size_t n, capacity;
    bool failed; /* out of memory */
};
void plan_init(struct plan *p, const struct dimension *dimensions, size_t item_size);
void plan_free(struct plan *p);
/* Copies the struct; when there is no memory, `failed` says so at the end. */
void plan_add(struct plan *p, const void *item);
const void *plan_item(const struct plan *p, size_t i);

#endif

/* parquet.c - see parquet.h. Records are put together column by column: each entry of a column says by its levels how far its
 * value is from the root and where it goes on from the entry before (Melnik et al. 2010, "Dremel"). */
#include "formats/parquet.h"

#include "base/memory.h"
#include "formats/parquet_json.h"
#include "formats/parquet_pages.h"

#include <stdlib.h>
#include <string.h>

static const char CUT[] = "its levels are damaged, expected those of the records";

/* Lists of {key, value} that become objects when all columns are there; outer ones come before those within. */
struct maps {
    cJSON **map;
    size_t n, capacity;
};

/* A column's place among the records. */
struct place {
    struct maps *maps;
    cJSON *record;       /* the one at hand; NULL before the first */
    cJSON *next;         /* the one after it */
    cJSON *at[PQ_STEPS]; /* the value that each step leads to; NULL where the entry before ended earlier */
};

static cJSON *append(cJSON *container, const char *name)
{
    cJSON *null = cJSON_CreateNull();
    if (name != NULL)
        cJSON_AddItemToObject(container, name, null);
    else
        cJSON_AddItemToArray(container, null);
    return null;
}

/* The member of the name, which is the last one where a column of the same struct came before. */
static cJSON *member(cJSON *object, const char *name)
{
    cJSON *last = object->child ? object->child->prev : NULL;
    return last != NULL && strcmp(last->string, name) == 0 ? last : append(object, name);
}

/* The value at step `i` within `container`, for an entry with this repetition level; NULL where levels do not fit together. */
static cJSON *advance(const struct place *place, const struct parquet_step *step, size_t i, cJSON *container, unsigned repetition)
{
    if (step->name != NULL)
        return member(container, step->name);
    if (repetition > step->repetition)
        return place->at[i];
    if (repetition == step->repetition && place->at[i] == NULL)
        return NULL;
    cJSON *there = repetition == step->repetition ? place->at[i]->next : container->child;
    return there ? there : append(container, NULL);
}

static parquet_fault put_entry(struct place *place, const struct parquet_column *c, unsigned definition, unsigned repetition,
                               const struct parquet_slice *value)
{
    static const int types[] = {[PQ_ARRAY] = cJSON_Array, [PQ_OBJECT] = cJSON_Object, [PQ_ENTRIES] = cJSON_Array};
    size_t i = 0;
    if (repetition == 0) {
        place->record = place->next;
        place->next = place->next ? place->next->next : NULL;
    }
    cJSON *at = place->record;
    for (bool open = at != NULL; i < c->n_steps && open && definition >= c->steps[i].exists; i++) {
        const struct parquet_step *step = &c->steps[i];
        if ((at = advance(place, step, i, at, repetition)) == NULL)
            return CUT;
        place->at[i] = at;
        open = definition >= step->filled && step->content != PQ_VALUE;
        if (open && cJSON_IsNull(at)) {
            at->type = types[step->content];
            if (step->content == PQ_ENTRIES &&
                mem_grow((void **)&place->maps->map, &place->maps->capacity, place->maps->n + 1, sizeof at))
                place->maps->map[place->maps->n++] = at;
        }
    }
    memset(place->at + i, 0, (c->n_steps - i) * sizeof *place->at);
    if (place->record == NULL)
        return CUT;
    return value ? parquet_json(at, *value, c->node) : NULL;
}

/* One column of a row group whose records begin at `first`. */
static parquet_fault read_column(struct maps *maps, cJSON *first, struct parquet_source *source, const struct parquet_column *c,
                                 const struct parquet_chunk *chunk)
{
    struct parquet_pages pages;
    struct place place = {.maps = maps, .next = first};
    bool more = true, text = c->node->type == PQ_BYTES || c->node->type == PQ_FIXED;
    parquet_fault fault = parquet_pages_open(&pages, source, c, chunk);
    while (fault == NULL && (fault = parquet_pages_next(&pages, &more)) == NULL && more)
        for (size_t i = 0, v = 0; i < pages.n && fault == NULL; i++) {
            const struct parquet_slice *value = pages.definition[i] == c->max_definition ? &pages.values.slice[v++] : NULL;
            if (value != NULL && text && !parquet_count_text(source, value->n))
                fault = "its texts unpack to far more than the size of the file, expected data and no bomb";
            else
                fault = put_entry(&place, c, pages.definition[i], pages.repetition[i], value);
        }
    parquet_pages_close(&pages);
    return fault == NULL && place.next != NULL ? CUT : fault;
}

/* The entries of a map as members of an object; a key that is no text is written as JSON. */
static parquet_fault fold_map(cJSON *map)
{
    cJSON *entry = map->child;
    map->child = NULL;
    map->type = cJSON_Object;
    parquet_fault fault = NULL;
    for (cJSON *next; entry != NULL; entry = next) {
        bool whole = cJSON_GetArraySize(entry) == 2;
        cJSON *key = whole ? cJSON_DetachItemViaPointer(entry, entry->child) : NULL;
        char *printed = whole && !cJSON_IsString(key) ? cJSON_PrintUnformatted(key) : NULL;
        if (whole)
            cJSON_AddItemToObject(map, printed ? printed : key->valuestring, cJSON_DetachItemViaPointer(entry, entry->child));
        else
            fault = CUT;
        cJSON_free(printed);
        cJSON_Delete(key);
        next = entry->next;
        entry->next = NULL;
        cJSON_Delete(entry);
    }
    return fault;
}

/* The records of one row group, appended. */
static parquet_fault read_group(cJSON *records, struct parquet_source *source, const struct parquet_meta *m, size_t group,
                                const char **column)
{
    struct maps maps = {0};
    cJSON *first = NULL;
    *column = NULL;
    parquet_fault fault = NULL;
    if (m->rows[group] < 0 || !parquet_count_values(source, (uint64_t)m->rows[group]))
        return "it has far more rows than the file has bytes";
    for (int64_t i = 0; i < m->rows[group]; i++) {
        cJSON *record = cJSON_CreateObject();
        cJSON_AddItemToArray(records, record);
        first = first ? first : record;
    }
    for (size_t i = 0; i < m->n_columns && fault == NULL; i++) {
        *column = m->columns[i].path;
        fault = read_column(&maps, first, source, &m->columns[i], &m->chunks[group * m->n_columns + i]);
    }
    while (maps.n > 0 && fault == NULL)
        fault = fold_map(maps.map[--maps.n]);
    free(maps.map);
    return fault;
}

bool parquet_begins(const void *bytes, size_t size)
{
    return size >= 4 && (memcmp(bytes, "PAR1", 4) == 0 || memcmp(bytes, "PARE", 4) == 0);
}

enum status parquet_parse(cJSON *records, const char *path, const void *bytes, size_t size, struct error *err)
{
    struct parquet_meta m;
    struct parquet_source source = {.bytes = bytes, .size = size};
    const char *column = NULL;
    enum status status = parquet_meta_read(&m, path, bytes, size, err);
    for (size_t i = 0; i < m.n_groups && status == OK; i++) {
        parquet_fault fault = read_group(records, &source, &m, i, &column);
        if (fault != NULL)
            status = error_set(err, ERR_INPUT, "%s: row group %zu%s%.200s%s: %s", path, i + 1, column ? ", column '" : "",
                               column ? column : "", column ? "'" : "", fault);
    }
    parquet_meta_free(&m);
    return status;
}

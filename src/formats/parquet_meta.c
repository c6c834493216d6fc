/* parquet_meta.c - see parquet_meta.h. The numbers are those of parquet-format's parquet.thrift. */
#include "formats/parquet_meta.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool is_int(enum thrift_type type)
{
    return type == THRIFT_I16 || type == THRIFT_I32 || type == THRIFT_I64;
}

/* The field as an integer, where it is one. */
static void take(struct thrift *t, struct thrift_field field, int64_t *value)
{
    if (is_int(field.type))
        *value = thrift_int(t);
    else
        thrift_skip(t, field.type);
}

/* A struct whose integer fields 1 .. n land in values[1 .. n]. */
static void take_struct(struct thrift *t, struct thrift_field outer, int64_t *values, int n)
{
    struct thrift_field field = {0};
    if (outer.type != THRIFT_STRUCT) {
        thrift_skip(t, outer.type);
        return;
    }
    while (thrift_next(t, &field))
        if (field.id >= 1 && field.id <= n && (field.type == THRIFT_TRUE || field.type == THRIFT_FALSE))
            values[field.id] = field.type == THRIFT_TRUE;
        else if (field.id >= 1 && field.id <= n)
            take(t, field, &values[field.id]);
        else
            thrift_skip(t, field.type);
}

struct kind {
    enum parquet_meaning meaning;
    const char *refused;
    int32_t scale;
    bool utc;
};

/* ConvertedType, the older way to say what values stand for. */
static const struct kind CONVERTED[] = {
    [1] = {PQ_MAP, NULL, 0, false},       [2] = {PQ_MAP, NULL, 0, false},       [3] = {PQ_LIST, NULL, 0, false},
    [5] = {PQ_DECIMAL, NULL, 0, false},   [6] = {PQ_DATE, NULL, 0, false},      [7] = {PQ_TIME, NULL, 3, true},
    [8] = {PQ_TIME, NULL, 6, true},       [9] = {PQ_TIMESTAMP, NULL, 3, true},  [10] = {PQ_TIMESTAMP, NULL, 6, true},
    [11] = {PQ_UNSIGNED, NULL, 0, false}, [12] = {PQ_UNSIGNED, NULL, 0, false}, [13] = {PQ_UNSIGNED, NULL, 0, false},
    [14] = {PQ_UNSIGNED, NULL, 0, false}, [20] = {PQ_PLAIN, "BSON", 0, false},  [21] = {PQ_PLAIN, "INTERVAL", 0, false}};
/* LogicalType, a union by the number of its field. */
static const struct kind LOGICAL[] = {
    [2] = {PQ_MAP, NULL, 0, false},         [3] = {PQ_LIST, NULL, 0, false},         [5] = {PQ_DECIMAL, NULL, 0, false},
    [6] = {PQ_DATE, NULL, 0, false},        [7] = {PQ_TIME, NULL, 0, false},         [8] = {PQ_TIMESTAMP, NULL, 0, false},
    [13] = {PQ_PLAIN, "BSON", 0, false},    [14] = {PQ_UUID, NULL, 0, false},        [15] = {PQ_FLOAT16, NULL, 0, false},
    [16] = {PQ_PLAIN, "VARIANT", 0, false}, [17] = {PQ_PLAIN, "GEOMETRY", 0, false}, [18] = {PQ_PLAIN, "GEOGRAPHY", 0, false}};

static const struct kind *kind_find(const struct kind *kinds, size_t n, int64_t id)
{
    static const struct kind plain = {PQ_PLAIN, NULL, 0, false}, unknown = {PQ_PLAIN, "of a later version", 0, false};
    return id < 0 ? &plain : id < (int64_t)n ? &kinds[id] : &unknown;
}

/* TIME and TIMESTAMP: {1: to UTC, 2: union of MILLIS, MICROS, NANOS}. */
static void take_time(struct thrift *t, struct kind *kind)
{
    struct thrift_field field = {0}, unit;
    while (thrift_next(t, &field))
        if (field.id == 2 && field.type == THRIFT_STRUCT) {
            for (unit = (struct thrift_field){0}; thrift_next(t, &unit); thrift_skip(t, unit.type))
                kind->scale = 3 * unit.id;
        } else {
            kind->utc = kind->utc || (field.id == 1 && field.type == THRIFT_TRUE);
            thrift_skip(t, field.type);
        }
    t->damaged = t->damaged || (kind->scale != 3 && kind->scale != 6 && kind->scale != 9);
}

static void take_logical(struct thrift *t, struct kind *kind)
{
    struct thrift_field field = {0}, inner;
    while (thrift_next(t, &field)) {
        *kind = *kind_find(LOGICAL, sizeof LOGICAL / sizeof *LOGICAL, field.id);
        if (field.type == THRIFT_STRUCT && (kind->meaning == PQ_TIME || kind->meaning == PQ_TIMESTAMP)) {
            take_time(t, kind);
        } else if (field.type == THRIFT_STRUCT && field.id == 10) { /* INTEGER: {1: bits, 2: signed} */
            for (inner = (struct thrift_field){0}; thrift_next(t, &inner); thrift_skip(t, inner.type))
                if (inner.id == 2 && inner.type == THRIFT_FALSE)
                    kind->meaning = PQ_UNSIGNED;
        } else {
            t->damaged = t->damaged || kind->meaning == PQ_TIME || kind->meaning == PQ_TIMESTAMP;
            thrift_skip(t, field.type);
        }
    }
}

static void take_node(struct thrift *t, struct parquet_node *node)
{
    enum { TYPE = 1, WIDTH, REPETITION, NAME, CHILDREN, CONVERTED_TYPE, SCALE, LOGICAL_TYPE = 10 };
    int64_t v[11] = {[CONVERTED_TYPE] = -1, [TYPE] = -1};
    struct thrift_field field = {0};
    struct kind logical = {0};
    bool has_logical = false;
    while (thrift_next(t, &field)) {
        if (field.id == NAME && field.type == THRIFT_BINARY) {
            size_t n;
            const char *name = (const char *)thrift_binary(t, &n);
            free(node->name);
            node->name = strndup(name, n);
            t->damaged = t->damaged || strlen(node->name) != n;
        } else if (field.id == LOGICAL_TYPE && field.type == THRIFT_STRUCT) {
            take_logical(t, &logical);
            has_logical = true;
        } else if (field.id > 0 && field.id < LOGICAL_TYPE) {
            take(t, field, &v[field.id]);
        } else {
            thrift_skip(t, field.type);
        }
    }
    if (!has_logical)
        logical = *kind_find(CONVERTED, sizeof CONVERTED / sizeof *CONVERTED, v[CONVERTED_TYPE]);
    node->group = v[TYPE] < 0;
    node->type = (enum parquet_type)v[TYPE];
    node->meaning = logical.meaning;
    node->refused = logical.refused;
    node->utc = logical.utc;
    node->scale = (int32_t)(logical.scale ? logical.scale : v[SCALE]);
    node->width = (int32_t)v[WIDTH];
    node->optional = v[REPETITION] == 1;
    node->repeated = v[REPETITION] == 2;
    node->n_children = node->group && v[CHILDREN] > 0 ? (size_t)v[CHILDREN] : 0;
    t->damaged = t->damaged || node->name == NULL || v[TYPE] >= PQ_TYPES || v[WIDTH] < 0 || v[WIDTH] > INT32_MAX ||
                 v[SCALE] < 0 || v[SCALE] > 1000 || (!node->group && v[TYPE] == PQ_FIXED && v[WIDTH] == 0);
}

static void take_schema(struct thrift *t, struct parquet_meta *m)
{
    enum thrift_type type;
    size_t n = thrift_list(t, &type);
    if (type != THRIFT_STRUCT || n == 0 || n > PARQUET_NODES || m->nodes != NULL) {
        t->damaged = true;
        return;
    }
    m->nodes = calloc(n, sizeof *m->nodes);
    for (m->n_nodes = 0; m->n_nodes < n && !t->damaged; m->n_nodes++)
        take_node(t, &m->nodes[m->n_nodes]);
}

static void take_chunk(struct thrift *t, struct parquet_chunk *chunk)
{
    enum { FILE_PATH = 1, META = 3, CODEC = 4, VALUES, BYTES = 7, DATA = 9, DICTIONARY = 11 };
    int64_t v[12] = {[DATA] = -1};
    struct thrift_field field = {0};
    bool found = false;
    while (thrift_next(t, &field))
        if (field.id == META) {
            take_struct(t, field, v, DICTIONARY);
            found = true;
        } else {
            t->damaged = t->damaged || field.id == FILE_PATH; /* values in another file */
            thrift_skip(t, field.type);
        }
    t->damaged = t->damaged || !found;
    *chunk = (struct parquet_chunk){v[CODEC], v[VALUES], v[BYTES], v[DATA], v[DICTIONARY]};
}

/* Field 1 of a row group has its columns, field 3 its rows. */
static void take_group(struct thrift *t, struct parquet_meta *m, size_t group, size_t leaves)
{
    struct thrift_field field = {0};
    enum thrift_type type;
    bool found = false;
    while (thrift_next(t, &field))
        if (field.id == 1 && field.type == THRIFT_LIST) {
            size_t n = thrift_list(t, &type);
            found = !found && n == leaves && type == THRIFT_STRUCT;
            t->damaged = t->damaged || !found;
            for (size_t i = 0; i < n && !t->damaged; i++)
                take_chunk(t, &m->chunks[group * leaves + i]);
        } else if (field.id == 3) {
            take(t, field, &m->rows[group]);
        } else {
            thrift_skip(t, field.type);
        }
    t->damaged = t->damaged || !found;
}

static void take_groups(struct thrift *t, struct parquet_meta *m)
{
    enum thrift_type type;
    size_t leaves = 0, n = thrift_list(t, &type), count;
    for (size_t i = 0; i < m->n_nodes; i++)
        leaves += !m->nodes[i].group;
    if (m->nodes == NULL || m->rows != NULL || (n > 0 && type != THRIFT_STRUCT) || !size_mul(n, leaves, &count) ||
        count > (size_t)(t->end - t->at)) {
        t->damaged = true;
        return;
    }
    m->rows = calloc(n + 1, sizeof *m->rows);
    m->chunks = calloc(count + 1, sizeof *m->chunks);
    for (size_t i = 0; i < n && !t->damaged; i++)
        take_group(t, m, i, leaves);
    m->n_groups = n;
}

/* Where the children of each node are; the nodes lie in the order of a walk. */
static bool link_nodes(struct parquet_meta *m, size_t i, int depth)
{
    struct parquet_node *node = &m->nodes[i];
    size_t next = i + 1;
    node->first = next;
    if (depth > PARQUET_DEPTH || (node->group && node->n_children == 0 && i > 0))
        return false;
    for (size_t c = 0; c < node->n_children; c++) {
        if (next >= m->n_nodes || !link_nodes(m, next, depth + 1))
            return false;
        for (size_t other = node->first; other != next; other = m->nodes[other].after)
            if (strcmp(m->nodes[other].name, m->nodes[next].name) == 0)
                return false;
        next = m->nodes[next].after;
    }
    node->after = next;
    return true;
}

/* The walk that makes columns: the steps so far, and the levels. */
struct walk {
    struct parquet_meta *m;
    struct parquet_step steps[PQ_STEPS];
    size_t n;
    const struct parquet_node *path[PARQUET_DEPTH + 1];
};

static void add_column(struct walk *w, const struct parquet_node *node, size_t depth, unsigned definition, unsigned repetition)
{
    struct parquet_column *c = &w->m->columns[w->m->n_columns++];
    struct text path = {0};
    *c = (struct parquet_column){.node = node, .n_steps = w->n, .max_definition = definition, .max_repetition = repetition};
    c->steps = calloc(w->n, sizeof *c->steps);
    memcpy(c->steps, w->steps, w->n * sizeof *c->steps);
    for (size_t i = 1; i <= depth; i++)
        text_printf(&path, "%s%.60s", i > 1 ? "." : "", w->path[i]->name);
    c->path = path.data;
}

/* Is the one child of a repeated group the element, or the group itself? The specification's rules for older writers. */
static bool element_within(const struct walk *w, const struct parquet_node *list, const struct parquet_node *repeated)
{
    size_t n = strlen(list->name);
    bool tuple = strncmp(repeated->name, list->name, n) == 0 && strcmp(repeated->name + n, "_tuple") == 0;
    return list->meaning == PQ_LIST && repeated->group && repeated->n_children == 1 && !w->m->nodes[repeated->first].repeated &&
           strcmp(repeated->name, "array") != 0 && !tuple;
}

static void walk_content(struct walk *w, size_t depth, const struct parquet_node *node, unsigned definition, unsigned repetition);

/* Elements of the list that the last step leads to; `node` repeats. */
static void walk_elements(struct walk *w, size_t depth, const struct parquet_node *node, enum parquet_content content,
                          unsigned definition, unsigned repetition)
{
    unsigned exists = definition + 1;
    bool within = content == PQ_ARRAY && element_within(w, w->path[depth - 1], node);
    w->steps[w->n - 1].content = content;
    w->path[depth] = node;
    if (within) {
        node = &w->m->nodes[node->first];
        w->path[++depth] = node;
    }
    unsigned filled = exists + (within && node->optional);
    w->steps[w->n++] = (struct parquet_step){NULL, exists, filled, repetition + 1, PQ_VALUE};
    walk_content(w, depth, node, filled, repetition + 1);
    w->n--;
}

static void walk_content(struct walk *w, size_t depth, const struct parquet_node *node, unsigned definition, unsigned repetition)
{
    const struct parquet_node *nodes = w->m->nodes, *inner = node->group ? &nodes[node->first] : NULL;
    bool one = node->group && node->n_children == 1 && inner->repeated;
    if (!node->group) {
        add_column(w, node, depth, definition, repetition);
    } else if (depth > 0 && one && node->meaning == PQ_LIST) {
        walk_elements(w, depth + 1, inner, PQ_ARRAY, definition, repetition);
    } else if (depth > 0 && one && node->meaning == PQ_MAP && inner->n_children == 2) {
        walk_elements(w, depth + 1, inner, PQ_ENTRIES, definition, repetition);
    } else {
        if (w->n > 0)
            w->steps[w->n - 1].content = PQ_OBJECT;
        for (size_t c = 0, i = node->first; c < node->n_children; c++, i = nodes[i].after) {
            const struct parquet_node *member = &nodes[i];
            unsigned filled = definition + member->optional;
            w->path[depth + 1] = member;
            w->steps[w->n++] = (struct parquet_step){member->name, definition, filled, 0, PQ_VALUE};
            if (member->repeated)
                walk_elements(w, depth + 1, member, PQ_ARRAY, definition, repetition);
            else
                walk_content(w, depth + 1, member, filled, repetition);
            w->n--;
        }
    }
}

static enum status make_columns(struct parquet_meta *m, const char *path, struct error *err)
{
    struct walk w = {.m = m};
    if (m->n_nodes == 0 || !m->nodes[0].group || !link_nodes(m, 0, 0) || m->nodes[0].after != m->n_nodes)
        return error_set(err, ERR_INPUT,
                         "%s: the Parquet schema is damaged, expected a tree of differently named columns at most %d deep", path,
                         PARQUET_DEPTH);
    m->columns = calloc(m->n_nodes, sizeof *m->columns);
    walk_content(&w, 0, &m->nodes[0], 0, 0);
    for (size_t i = 0; i < m->n_columns; i++)
        if (m->columns[i].node->refused != NULL)
            return error_set(err, ERR_INPUT, "%s: column '%.200s' is %s, expected text, numbers, dates, lists, structs or maps",
                             path, m->columns[i].path, m->columns[i].node->refused);
    return OK;
}

enum status parquet_meta_read(struct parquet_meta *m, const char *path, const unsigned char *bytes, size_t size,
                              struct error *err)
{
    enum { FOOT = 8 };
    *m = (struct parquet_meta){0};
    if (size >= 4 && memcmp(bytes + size - 4, "PARE", 4) == 0)
        return error_set(err, ERR_INPUT, "%s: is encrypted Parquet, expected Parquet that is not encrypted", path);
    uint32_t length = 0;
    if (size >= 4 + FOOT)
        memcpy(&length, bytes + size - FOOT, sizeof length);
    if (size < 4 + FOOT || memcmp(bytes, "PAR1", 4) != 0 || memcmp(bytes + size - 4, "PAR1", 4) != 0 || length > size - 4 - FOOT)
        return error_set(err, ERR_INPUT, "%s: is no whole Parquet file, expected PAR1 at both ends and the metadata between",
                         path);
    struct thrift t = {bytes + size - FOOT - length, bytes + size - FOOT, false, 0};
    struct thrift_field field = {0};
    bool encrypted = false;
    while (thrift_next(&t, &field)) {
        if (field.id == 2 && field.type == THRIFT_LIST)
            take_schema(&t, m);
        else if (field.id == 4 && field.type == THRIFT_LIST)
            take_groups(&t, m);
        else
            thrift_skip(&t, field.type);
        encrypted = encrypted || field.id == 8;
    }
    if (encrypted)
        return error_set(err, ERR_INPUT, "%s: is encrypted Parquet, expected Parquet that is not encrypted", path);
    if (t.damaged || m->rows == NULL)
        return error_set(err, ERR_INPUT, "%s: the Parquet metadata is damaged, expected at most %d columns, all in this file",
                         path, PARQUET_NODES);
    return make_columns(m, path, err);
}

void parquet_meta_free(struct parquet_meta *m)
{
    for (size_t i = 0; i < m->n_nodes; i++)
        free(m->nodes[i].name);
    for (size_t i = 0; i < m->n_columns; i++) {
        free(m->columns[i].steps);
        free(m->columns[i].path);
    }
    free(m->nodes);
    free(m->columns);
    free(m->chunks);
    free(m->rows);
    *m = (struct parquet_meta){0};
}

bool parquet_page_read(struct parquet_page *page, struct thrift *t)
{
    enum { TYPE = 1, UNPACKED, PACKED, CRC, DATA, DICTIONARY = 7, DATA_V2 };
    struct thrift_field field = {0};
    int64_t v[CRC + 1] = {[TYPE] = -1, [CRC] = INT64_MIN}, data[8] = {0}, dictionary[8] = {0}, second[8] = {[7] = 1};
    while (thrift_next(t, &field))
        if (field.id == DATA)
            take_struct(t, field, data, 7);
        else if (field.id == DICTIONARY)
            take_struct(t, field, dictionary, 7);
        else if (field.id == DATA_V2)
            take_struct(t, field, second, 7);
        else if (field.id >= TYPE && field.id <= CRC)
            take(t, field, &v[field.id]);
        else
            thrift_skip(t, field.type);
    const int64_t *head = v[TYPE] == PQ_DATA_PAGE ? data : v[TYPE] == PQ_DICTIONARY_PAGE ? dictionary : second;
    bool later = v[TYPE] == PQ_DATA_PAGE_V2;
    *page = (struct parquet_page){.unpacked = v[UNPACKED],
                                  .packed = v[PACKED],
                                  .crc = v[CRC] == INT64_MIN ? -1 : v[CRC] & 0xffffffff,
                                  .values = head[1],
                                  .encoding = head[later ? 4 : 2],
                                  .level_encodings = {data[3], data[4]},
                                  .definition_bytes = second[5],
                                  .repetition_bytes = second[6],
                                  .as_is = later && second[7] == 0};
    page->type = (unsigned)v[TYPE] > PQ_DATA_PAGE_V2 ? PQ_INDEX_PAGE : (unsigned)v[TYPE];
    return !t->damaged && v[TYPE] >= 0 && v[UNPACKED] >= 0 && v[UNPACKED] <= INT32_MAX && v[PACKED] >= 0 &&
           v[PACKED] <= INT32_MAX && head[1] >= 0;
}

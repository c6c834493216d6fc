/* parquet_pages.c - see parquet_pages.h. */
#include "formats/parquet_pages.h"

#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static const char CUT[] = "a page is damaged or cut off";
static const char MEMORY[] = "a page is more than the memory holds";
static const char TOO_MANY[] = "it unpacks to far more than the size of the file, expected data and no bomb";

static bool unpack_snappy(unsigned char *to, size_t size, struct parquet_slice from)
{
    size_t n = size;
    return snappy_uncompress((const char *)from.at, from.n, (char *)to, &n) == SNAPPY_OK && n == size;
}

static bool unpack_gzip(unsigned char *to, size_t size, struct parquet_slice from)
{
    enum { GZIP_OR_ZLIB = 15 + 32 };
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)from.at,
                  .avail_in = (unsigned)from.n,
                  .next_out = to,
                  .avail_out = (unsigned)size};
    if (inflateInit2(&z, GZIP_OR_ZLIB) != Z_OK)
        return false;
    int code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return code == Z_STREAM_END && z.avail_out == 0;
}

static bool unpack_zstd(unsigned char *to, size_t size, struct parquet_slice from)
{
    return ZSTD_decompress(to, size, from.at, from.n) == size;
}

static bool copy(unsigned char *to, size_t size, struct parquet_slice from)
{
    if (from.n == size)
        memcpy(to, from.at, size);
    return from.n == size;
}

/* By the numbers of parquet-format; those without a function are refused. */
static const struct {
    bool (*unpack)(unsigned char *to, size_t size, struct parquet_slice from);
    const char *refusal;
} CODECS[] = {{copy, NULL},
              {unpack_snappy, NULL},
              {unpack_gzip, NULL},
              {NULL, "is packed by LZO, expected Snappy, gzip, zstd or nothing"},
              {NULL, "is packed by Brotli, expected Snappy, gzip, zstd or nothing"},
              {NULL, "is packed by LZ4, expected Snappy, gzip, zstd or nothing"},
              {unpack_zstd, NULL},
              {NULL, "is packed by LZ4_RAW, expected Snappy, gzip, zstd or nothing"}};
enum { N_CODECS = sizeof CODECS / sizeof *CODECS };

bool parquet_count_text(struct parquet_source *s, size_t bytes)
{
    s->texts += bytes;
    return unpacked_within_bounds(s->size, s->texts);
}

bool parquet_count_values(struct parquet_source *s, uint64_t values)
{
    if (values > SIZE_MAX / 2 - s->values)
        return false;
    s->values += (size_t)values;
    return s->values <= PARQUET_VALUES || s->values / PARQUET_RATIO <= s->size;
}

/* The packed part of a page behind its first `plain` bytes, which are as they are; the caller frees *out. */
static parquet_fault unpack(struct parquet_pages *p, unsigned char **out, const struct parquet_page *page, size_t plain)
{
    size_t packed = (size_t)page->packed, size = (size_t)page->unpacked;
    struct parquet_slice rest = {p->cursor.at + plain, packed - plain};
    if (plain > size)
        return CUT;
    p->source->unpacked += size;
    if (!unpacked_within_bounds(p->source->size, p->source->unpacked))
        return TOO_MANY;
    if (page->crc >= 0 && crc32_z(0, p->cursor.at, packed) != (unsigned long)page->crc)
        return "a page is not what its checksum says";
    if ((*out = malloc(size + 1)) == NULL)
        return MEMORY;
    memcpy(*out, p->cursor.at, plain);
    bool nothing = rest.n == 0 && size == plain; /* a page of nulls alone may leave the packing out */
    return nothing || (page->as_is ? copy : CODECS[p->codec].unpack)(*out + plain, size - plain, rest) ? NULL : CUT;
}

parquet_fault parquet_pages_open(struct parquet_pages *p, struct parquet_source *source, const struct parquet_column *column,
                                 const struct parquet_chunk *chunk)
{
    *p = (struct parquet_pages){.source = source, .column = column, .codec = chunk->codec, .left = (uint64_t)chunk->values};
    int64_t start = chunk->dictionary > 0 && chunk->dictionary < chunk->data ? chunk->dictionary : chunk->data;
    if (chunk->codec < 0 || chunk->codec >= N_CODECS)
        return "is packed in a way that is not known, expected Snappy, gzip, zstd or nothing";
    if (CODECS[chunk->codec].unpack == NULL)
        return CODECS[chunk->codec].refusal;
    if (start < 0 || chunk->bytes < 0 || chunk->values < 0 || (uint64_t)start > source->size ||
        (uint64_t)chunk->bytes > source->size - (uint64_t)start)
        return "its pages lie outside the file";
    if (!parquet_count_values(source, p->left))
        return TOO_MANY;
    p->cursor = (struct thrift){source->bytes + start, source->bytes + start + chunk->bytes, false, 0};
    return NULL;
}

/* Levels from 0 to `most`, from the first bytes of `from`, which then goes on behind them. */
static parquet_fault read_levels(uint32_t **out, size_t n, unsigned most, size_t bytes, struct parquet_slice *from)
{
    unsigned width = 0;
    while (most >> width)
        width++;
    if (bytes > from->n)
        return CUT;
    if ((*out = calloc(n + 1, sizeof **out)) == NULL)
        return MEMORY;
    parquet_fault fault = most ? parquet_runs(*out, n, width, (struct parquet_slice){from->at, bytes}) : NULL;
    for (size_t i = 0; i < n && fault == NULL; i++)
        fault = (*out)[i] <= most ? NULL : "its levels are greater than the schema allows";
    from->at += bytes;
    from->n -= bytes;
    return fault;
}

/* The bytes of the levels that are next: version 1 writes them in front. */
static parquet_fault level_bytes(size_t *bytes, const struct parquet_page *page, bool repetition, unsigned most,
                                 struct parquet_slice *from)
{
    enum { RLE = 3 };
    uint32_t length = 0;
    *bytes = (size_t)(repetition ? page->repetition_bytes : page->definition_bytes);
    if (page->type == PQ_DATA_PAGE_V2)
        return NULL;
    *bytes = 0;
    if (most == 0)
        return NULL;
    if (page->level_encodings[repetition] != RLE)
        return "its levels are bit-packed as before 2014, expected runs (RLE)";
    if (from->n < sizeof length)
        return CUT;
    memcpy(&length, from->at, sizeof length);
    from->at += sizeof length;
    from->n -= sizeof length;
    *bytes = length;
    return NULL;
}

static void drop_page(struct parquet_pages *p)
{
    free(p->bytes);
    free(p->definition);
    free(p->repetition);
    parquet_values_free(&p->values);
    p->bytes = NULL;
    p->definition = p->repetition = NULL;
}

static parquet_fault data_page(struct parquet_pages *p, const struct parquet_page *page)
{
    const struct parquet_column *c = p->column;
    int64_t plain = page->type == PQ_DATA_PAGE_V2 ? page->definition_bytes + page->repetition_bytes : 0;
    if ((uint64_t)page->values > p->left || plain > page->packed || page->definition_bytes < 0 || page->repetition_bytes < 0)
        return CUT;
    parquet_fault fault = unpack(p, &p->bytes, page, (size_t)plain);
    struct parquet_slice from = {p->bytes, (size_t)page->unpacked};
    size_t bytes = 0, present = 0;
    p->n = (size_t)page->values;
    p->left -= (uint64_t)page->values;
    if (fault == NULL)
        fault = level_bytes(&bytes, page, true, c->max_repetition, &from);
    if (fault == NULL)
        fault = read_levels(&p->repetition, p->n, c->max_repetition, bytes, &from);
    if (fault == NULL)
        fault = level_bytes(&bytes, page, false, c->max_definition, &from);
    if (fault == NULL)
        fault = read_levels(&p->definition, p->n, c->max_definition, bytes, &from);
    for (size_t i = 0; i < p->n && fault == NULL; i++)
        present += p->definition[i] == c->max_definition;
    if (fault == NULL)
        fault = parquet_decode(&p->values, present, page->encoding, from, c->node, &p->dictionary,
                               UNPACKED_FREE + p->source->size * UNPACKED_RATIO);
    return fault;
}

static parquet_fault dictionary_page(struct parquet_pages *p, const struct parquet_page *page)
{
    enum { PLAIN, PLAIN_DICTIONARY = 2 };
    if (p->dictionary.slice != NULL || (page->encoding != PLAIN && page->encoding != PLAIN_DICTIONARY))
        return "its dictionary is there twice, or in an encoding that is not PLAIN";
    if (!parquet_count_values(p->source, (uint64_t)page->values))
        return TOO_MANY;
    parquet_fault fault = unpack(p, &p->dictionary_bytes, page, 0);
    if (fault == NULL)
        fault = parquet_decode(&p->dictionary, (size_t)page->values, PLAIN,
                               (struct parquet_slice){p->dictionary_bytes, (size_t)page->unpacked}, p->column->node, NULL, 0);
    return fault;
}

parquet_fault parquet_pages_next(struct parquet_pages *p, bool *more)
{
    parquet_fault fault = NULL;
    drop_page(p);
    *more = false;
    while (p->left > 0 && fault == NULL && !*more) {
        struct parquet_page page;
        if (!parquet_page_read(&page, &p->cursor) || page.packed > p->cursor.end - p->cursor.at)
            return CUT;
        if (page.type == PQ_DICTIONARY_PAGE) {
            fault = dictionary_page(p, &page);
        } else if (page.type != PQ_INDEX_PAGE) {
            fault = data_page(p, &page);
            *more = fault == NULL;
        }
        p->cursor.at += page.packed;
    }
    return fault;
}

void parquet_pages_close(struct parquet_pages *p)
{
    drop_page(p);
    parquet_values_free(&p->dictionary);
    free(p->dictionary_bytes);
    *p = (struct parquet_pages){0};
}

/* parquet_values.c - see parquet_values.h. Numbers are little-endian, as the processors are that this runs on. */
#include "formats/parquet_values.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char CUT[] = "its values are damaged or cut off";
static const char MEMORY[] = "its values are more than the memory holds";

/* Bytes of a value of each type; 0: as many as the node or the value says. */
static const size_t WIDTHS[PQ_TYPES] = {[PQ_INT32] = 4, [PQ_INT64] = 8, [PQ_INT96] = 12, [PQ_FLOAT] = 4, [PQ_DOUBLE] = 8};

static size_t width_of(const struct parquet_node *node)
{
    return node->type == PQ_FIXED ? (size_t)node->width : WIDTHS[node->type];
}

void parquet_values_free(struct parquet_values *v)
{
    free(v->slice);
    free(v->store);
    *v = (struct parquet_values){0};
}

static bool take_varint(struct parquet_slice *from, uint64_t *value)
{
    struct thrift t = {from->at, from->at + from->n, false, 0};
    *value = thrift_varint(&t);
    from->n -= (size_t)(t.at - from->at);
    from->at = t.at;
    return !t.damaged;
}

static void forward(struct parquet_slice *from, size_t n)
{
    from->at += n;
    from->n -= n;
}

/* `width` bits (at most 64) from bit `bit` of the bytes, lowest first; the caller knows that they are there. */
static uint64_t bits_at(const unsigned char *bytes, size_t bit, unsigned width)
{
    uint64_t value = 0;
    for (unsigned have = 0; have < width;) {
        unsigned skip = (unsigned)(bit % 8), n = 8 - skip < width - have ? 8 - skip : width - have;
        value |= (uint64_t)(bytes[bit / 8] >> skip & ((1U << n) - 1)) << have;
        have += n;
        bit += n;
    }
    return value;
}

parquet_fault parquet_runs(uint32_t *out, size_t count, unsigned width, struct parquet_slice from)
{
    for (size_t done = 0; done < count;) {
        uint64_t head = 0;
        if (width > 32 || !take_varint(&from, &head))
            return CUT;
        uint64_t n = head & 1 ? (head >> 1) * 8 : head >> 1;
        size_t wanted = n < count - done ? (size_t)n : count - done;
        if (head & 1) { /* the last group may be cut where no value is left */
            if (head >> 40 != 0 || (wanted * width + 7) / 8 > from.n)
                return CUT;
            for (size_t i = 0; i < wanted; i++)
                out[done + i] = (uint32_t)bits_at(from.at, i * width, width);
            uint64_t bytes = (head >> 1) * width;
            forward(&from, bytes < from.n ? (size_t)bytes : from.n);
        } else {
            size_t bytes = (width + 7) / 8;
            if (bytes > from.n || n == 0)
                return CUT;
            uint32_t value = (uint32_t)bits_at(from.at, 0, (unsigned)(8 * bytes));
            for (size_t i = 0; i < wanted; i++)
                out[done + i] = value;
            forward(&from, bytes);
        }
        done += wanted;
    }
    return NULL;
}

static bool make_store(struct parquet_values *v, size_t count, size_t size)
{
    size_t bytes;
    v->store = size_mul(count, size, &bytes) ? malloc(bytes + 1) : NULL;
    return v->store != NULL;
}

/* Values of `size` bytes one after another. */
static void cut_evenly(struct parquet_values *v, const unsigned char *at, size_t step, size_t size)
{
    for (size_t i = 0; i < v->n; i++)
        v->slice[i] = (struct parquet_slice){at + i * step, size};
}

static parquet_fault plain(struct parquet_values *v, struct parquet_slice from, const struct parquet_node *node)
{
    size_t width = width_of(node);
    if (node->type == PQ_BOOLEAN) {
        if ((v->n + 7) / 8 > from.n)
            return CUT;
        if (!make_store(v, v->n, 1))
            return MEMORY;
        for (size_t i = 0; i < v->n; i++)
            v->store[i] = (unsigned char)bits_at(from.at, i, 1);
        cut_evenly(v, v->store, 1, 1);
    } else if (width > 0) {
        if (v->n > from.n / width)
            return CUT;
        cut_evenly(v, from.at, width, width);
    } else {
        for (size_t i = 0; i < v->n; i++) {
            uint32_t n = 0;
            if (from.n < sizeof n)
                return CUT;
            memcpy(&n, from.at, sizeof n);
            forward(&from, sizeof n);
            if (n > from.n)
                return CUT;
            v->slice[i] = (struct parquet_slice){from.at, n};
            forward(&from, n);
        }
    }
    return NULL;
}

static parquet_fault from_dictionary(struct parquet_values *v, struct parquet_slice from, const struct parquet_values *dictionary)
{
    if (v->n == 0)
        return NULL;
    if (dictionary->slice == NULL)
        return "its dictionary is missing";
    if (from.n == 0)
        return CUT;
    uint32_t *index = malloc(v->n * sizeof *index);
    if (index == NULL)
        return MEMORY;
    parquet_fault fault = parquet_runs(index, v->n, from.at[0], (struct parquet_slice){from.at + 1, from.n - 1});
    for (size_t i = 0; i < v->n && fault == NULL; i++)
        if (index[i] < dictionary->n)
            v->slice[i] = dictionary->slice[index[i]];
        else
            fault = "it names values that its dictionary does not have";
    free(index);
    return fault;
}

static parquet_fault runs_of_bits(struct parquet_values *v, struct parquet_slice from)
{
    uint32_t length = 0, *bits = malloc(v->n * sizeof *bits + 1);
    parquet_fault fault = bits && make_store(v, v->n, 1) ? NULL : MEMORY;
    if (fault == NULL && from.n >= sizeof length)
        memcpy(&length, from.at, sizeof length);
    if (fault == NULL && (from.n < sizeof length || length > from.n - sizeof length))
        fault = CUT;
    if (fault == NULL)
        fault = parquet_runs(bits, v->n, 1, (struct parquet_slice){from.at + sizeof length, length});
    for (size_t i = 0; i < v->n && fault == NULL; i++)
        v->store[i] = (unsigned char)bits[i];
    cut_evenly(v, v->store, 1, 1);
    free(bits);
    return fault;
}

static int64_t zigzag(uint64_t n)
{
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* One block of DELTA_BINARY_PACKED into out[done ..], at most to `count`: the least difference, the widths of its miniblocks,
 * what each difference is above the least. Sums wrap around, as the format wants it. */
static bool delta_block(int64_t *out, size_t *done, size_t count, uint64_t minis, uint64_t each, struct parquet_slice *from)
{
    uint64_t least = 0;
    if (!take_varint(from, &least) || from->n < minis)
        return false;
    const unsigned char *widths = from->at;
    forward(from, (size_t)minis);
    for (uint64_t m = 0; m < minis && *done < count; m++) {
        size_t wanted = count - *done < each ? count - *done : (size_t)each, bytes = (size_t)each / 8 * widths[m];
        if (widths[m] > 64 || (wanted * widths[m] + 7) / 8 > from->n)
            return false;
        for (size_t i = 0; i < wanted; i++, (*done)++)
            out[*done] =
                (int64_t)((uint64_t)out[*done - 1] + (uint64_t)zigzag(least) + bits_at(from->at, i * widths[m], widths[m]));
        forward(from, bytes < from->n ? bytes : from->n);
    }
    return true;
}

/* `count` integers of DELTA_BINARY_PACKED, in a fresh array, or NULL; `from` goes on behind them. */
static int64_t *deltas(struct parquet_slice *from, size_t count)
{
    enum { MOST = 1 << 20 };
    uint64_t block, minis, total, first;
    size_t done = 1;
    if (!take_varint(from, &block) || !take_varint(from, &minis) || !take_varint(from, &total) || !take_varint(from, &first) ||
        minis == 0 || block > MOST || minis > block || block % minis != 0 || block / minis % 8 != 0 || total != count)
        return NULL;
    int64_t *out = malloc((count + 1) * sizeof *out);
    if (out == NULL)
        return NULL;
    out[0] = zigzag(first);
    while (done < count)
        if (!delta_block(out, &done, count, minis, block / minis, from)) {
            free(out);
            return NULL;
        }
    return out;
}

static parquet_fault delta_integers(struct parquet_values *v, struct parquet_slice from, const struct parquet_node *node)
{
    int64_t *numbers = deltas(&from, v->n);
    v->store = (unsigned char *)numbers;
    if (numbers == NULL)
        return CUT;
    cut_evenly(v, v->store, sizeof *numbers, width_of(node));
    return NULL;
}

/* Cuts the bytes into pieces whose lengths come first. */
static parquet_fault delta_lengths(struct parquet_values *v, struct parquet_slice *from)
{
    int64_t *length = deltas(from, v->n);
    parquet_fault fault = length ? NULL : CUT;
    for (size_t i = 0; i < v->n && fault == NULL; i++) {
        if (length[i] < 0 || (uint64_t)length[i] > from->n) {
            fault = CUT;
        } else {
            v->slice[i] = (struct parquet_slice){from->at, (size_t)length[i]};
            forward(from, (size_t)length[i]);
        }
    }
    free(length);
    return fault;
}

/* Each value begins with as many bytes of the one before it as the first list says; the rest follows as DELTA_LENGTH has it. */
static parquet_fault delta_prefixes(struct parquet_values *v, struct parquet_slice from, size_t most)
{
    int64_t *shared = deltas(&from, v->n);
    parquet_fault fault = shared ? delta_lengths(v, &from) : CUT;
    size_t total = 0, before = 0;
    for (size_t i = 0; i < v->n && fault == NULL; i++) {
        if (shared[i] < 0 || (uint64_t)shared[i] > before)
            fault = CUT;
        else if ((total += before = (size_t)shared[i] + v->slice[i].n) > most)
            fault = "its values unpack to too many bytes";
    }
    if (fault == NULL && !make_store(v, total, 1))
        fault = MEMORY;
    unsigned char *at = v->store, *last = at;
    for (size_t i = 0; i < v->n && fault == NULL; i++) {
        size_t n = (size_t)shared[i];
        memmove(at, last, n);
        memcpy(at + n, v->slice[i].at, v->slice[i].n);
        v->slice[i] = (struct parquet_slice){at, n + v->slice[i].n};
        last = at;
        at += v->slice[i].n;
    }
    free(shared);
    return fault;
}

/* The first bytes of all values, then the second ones, .. */
static parquet_fault split_streams(struct parquet_values *v, struct parquet_slice from, const struct parquet_node *node)
{
    size_t width = width_of(node);
    if (v->n > from.n / width)
        return CUT;
    if (!make_store(v, v->n, width))
        return MEMORY;
    for (size_t i = 0; i < v->n; i++)
        for (size_t b = 0; b < width; b++)
            v->store[i * width + b] = from.at[b * v->n + i];
    cut_evenly(v, v->store, width, width);
    return NULL;
}

parquet_fault parquet_decode(struct parquet_values *v, size_t count, int64_t encoding, struct parquet_slice from,
                             const struct parquet_node *node, const struct parquet_values *dictionary, size_t most)
{
    enum {
        PLAIN,
        PLAIN_DICTIONARY = 2,
        RLE = 3,
        DELTA_INTEGERS = 5,
        DELTA_LENGTHS,
        DELTA_PREFIXES,
        RLE_DICTIONARY,
        SPLIT_STREAMS
    };
    bool whole = node->type == PQ_INT32 || node->type == PQ_INT64, text = node->type == PQ_BYTES;
    *v = (struct parquet_values){.slice = malloc((count + 1) * sizeof *v->slice), .n = count};
    if (v->slice == NULL)
        return MEMORY;
    if (encoding == PLAIN)
        return plain(v, from, node);
    if (encoding == PLAIN_DICTIONARY || encoding == RLE_DICTIONARY)
        return from_dictionary(v, from, dictionary);
    if (encoding == RLE && node->type == PQ_BOOLEAN)
        return runs_of_bits(v, from);
    if (encoding == DELTA_INTEGERS && whole)
        return delta_integers(v, from, node);
    if (encoding == DELTA_LENGTHS && text)
        return delta_lengths(v, &from);
    if (encoding == DELTA_PREFIXES && (text || node->type == PQ_FIXED))
        return delta_prefixes(v, from, most);
    if (encoding == SPLIT_STREAMS && width_of(node) > 0)
        return split_streams(v, from, node);
    return "its encoding is not known for this type, expected PLAIN, a dictionary, RLE of booleans, the deltas or "
           "BYTE_STREAM_SPLIT";
}

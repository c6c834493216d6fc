/* parquet_thrift.c - see parquet_thrift.h. */
#include "formats/parquet_thrift.h"

#include "formats/bounds.h"

static unsigned byte(struct thrift *t)
{
    if (t->damaged || t->at == t->end) {
        t->damaged = true;
        return 0;
    }
    return *t->at++;
}

uint64_t thrift_varint(struct thrift *t)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned b = byte(t);
        value |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return value;
    }
    t->damaged = true;
    return 0;
}

int64_t thrift_int(struct thrift *t)
{
    uint64_t n = thrift_varint(t);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

bool thrift_next(struct thrift *t, struct thrift_field *field)
{
    unsigned head = byte(t);
    field->type = (enum thrift_type)(head & 15);
    if (t->damaged || field->type == THRIFT_STOP)
        return false;
    int64_t id = head >> 4 ? field->id + (int64_t)(head >> 4) : thrift_int(t);
    t->damaged = t->damaged || id < INT16_MIN || id > INT16_MAX;
    field->id = (int)id;
    return !t->damaged;
}

static void forward(struct thrift *t, uint64_t n)
{
    if (t->damaged || n > (uint64_t)(t->end - t->at))
        t->damaged = true;
    else
        t->at += n;
}

size_t thrift_list(struct thrift *t, enum thrift_type *type)
{
    unsigned head = byte(t);
    uint64_t n = head >> 4 == 15 ? thrift_varint(t) : head >> 4;
    *type = (enum thrift_type)(head & 15);
    t->damaged = t->damaged || n > (uint64_t)(t->end - t->at);
    return t->damaged ? 0 : (size_t)n;
}

const unsigned char *thrift_binary(struct thrift *t, size_t *n)
{
    uint64_t length = thrift_varint(t);
    const unsigned char *start = t->at;
    forward(t, length);
    *n = t->damaged ? 0 : (size_t)length;
    return start;
}

/* A boolean that is a field has its value in its type; one in a list is a byte. */
static void skip_list(struct thrift *t)
{
    enum thrift_type type;
    size_t n = thrift_list(t, &type);
    for (size_t i = 0; i < n && !t->damaged; i++)
        if (type == THRIFT_TRUE || type == THRIFT_FALSE)
            byte(t);
        else
            thrift_skip(t, type);
}

void thrift_skip(struct thrift *t, enum thrift_type type)
{
    struct thrift_field field = {0};
    if (t->depth == PARQUET_DEPTH) {
        t->damaged = true;
        return;
    }
    t->depth++;
    size_t n;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        break;
    case THRIFT_BYTE:
        byte(t);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        thrift_varint(t);
        break;
    case THRIFT_DOUBLE:
        forward(t, 8);
        break;
    case THRIFT_UUID:
        forward(t, 16);
        break;
    case THRIFT_BINARY:
        thrift_binary(t, &n);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(t);
        break;
    case THRIFT_STRUCT:
        while (thrift_next(t, &field))
            thrift_skip(t, field.type);
        break;
    default: /* Parquet's metadata has no maps */
        t->damaged = true;
    }
    t->depth--;
}

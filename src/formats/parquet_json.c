/* parquet_json.c - see parquet_json.h. */
#include "formats/parquet_json.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_text(cJSON *slot, const char *text, size_t n)
{
    char *copy = cJSON_malloc(n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    slot->valuestring = copy;
    slot->type = cJSON_String;
}

static void set_number(cJSON *slot, double value)
{
    if (!isfinite(value))
        return; /* null, as everywhere */
    slot->type = cJSON_Number;
    cJSON_SetNumberHelper(slot, value);
}

static void set_bool(cJSON *slot, bool value)
{
    slot->type = value ? cJSON_True : cJSON_False;
}

/* Text where a double, as numbers of records are written, would lose digits. */
static void set_int(cJSON *slot, int64_t value, bool is_unsigned)
{
    enum { DIGITS = 24 };
    static const uint64_t EXACT = 1000000000000000; /* 15 digits */
    uint64_t size = !is_unsigned && value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[DIGITS];
    if (size < EXACT) {
        set_number(slot, (double)value);
        return;
    }
    int n = snprintf(digits, sizeof digits, "%s%" PRIu64, !is_unsigned && value < 0 ? "-" : "", size);
    set_text(slot, digits, (size_t)n);
}

/* Two's complement, most significant byte first (or `little`), with a point before the last `scale` digits. */
static parquet_fault set_decimal(cJSON *slot, struct parquet_slice v, bool little, size_t scale)
{
    enum { BYTES = 32, DIGITS = 80 };
    unsigned char number[BYTES];
    char digits[DIGITS + 4];
    if (v.n == 0 || v.n > BYTES || scale >= DIGITS)
        return "its decimals have more digits than are read (76)";
    for (size_t i = 0; i < v.n; i++)
        number[i] = v.at[little ? v.n - 1 - i : i];
    bool negative = number[0] & 0x80;
    for (size_t i = v.n, carry = 1; negative && i-- > 0;) {
        carry += (unsigned char)~number[i];
        number[i] = (unsigned char)carry;
        carry >>= 8;
    }
    size_t at = sizeof digits, count = 0;
    for (bool more = true; more || count <= scale;) { /* digits from the last one on */
        unsigned rest = 0;
        more = false;
        for (size_t i = 0; i < v.n; i++) {
            unsigned here = rest << 8 | number[i];
            number[i] = (unsigned char)(here / 10);
            rest = here % 10;
            more = more || number[i] != 0;
        }
        digits[--at] = (char)('0' + rest);
        if (++count == scale && scale > 0)
            digits[--at] = '.';
    }
    if (negative)
        digits[--at] = '-';
    set_text(slot, digits + at, sizeof digits - at);
    return NULL;
}

/* The date that lies `days` after 1970-01-01, in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms": years that begin in March, in eras of 400). */
static int print_date(char *out, size_t size, int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100), month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    return snprintf(out, size, "%04" PRId64 "-%02d-%02d", years + era * 400 + (month <= 2), (int)month, (int)day);
}

/* `ticks` of the day, `scale` digits to the second; no fraction where it is nothing. */
static int print_time(char *out, size_t size, int64_t ticks, int scale)
{
    int64_t second = scale == 3 ? 1000 : scale == 6 ? 1000000 : 1000000000, whole = ticks / second;
    int n = snprintf(out, size, "%02" PRId64 ":%02d:%02d", whole / 3600, (int)(whole / 60 % 60), (int)(whole % 60));
    if (ticks % second != 0)
        n += snprintf(out + n, size - (size_t)n, ".%0*" PRId64, scale, ticks % second);
    return n;
}

static parquet_fault set_time(cJSON *slot, int64_t days, int64_t ticks, const struct parquet_node *node, int scale)
{
    enum { SIZE = 96 };
    char text[SIZE];
    int n = 0;
    if (node->meaning != PQ_TIME) {
        n = print_date(text, sizeof text, days);
        text[n++] = 'T';
    }
    n += print_time(text + n, sizeof text - (size_t)n, ticks, scale);
    if (node->utc)
        text[n++] = 'Z';
    set_text(slot, text, (size_t)n);
    return NULL;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static parquet_fault set_whole(cJSON *slot, int64_t value, const struct parquet_node *node)
{
    char text[48];
    int64_t day = node->scale == 3 ? 86400000 : node->scale == 6 ? 86400000000 : 86400000000000;
    bool narrow = node->type == PQ_INT32;
    switch (node->meaning) {
    case PQ_DATE: /* of 32 bits; a number of days beyond them is none */
        if (value != (int32_t)value)
            return "a date is none of the calendar";
        set_text(slot, text, (size_t)print_date(text, sizeof text, value));
        return NULL;
    case PQ_TIMESTAMP: {
        int64_t days = floor_divide(value, day);
        return set_time(slot, days, value - days * day, node, node->scale);
    }
    case PQ_TIME:
        if (value < 0 || value > day)
            return "a time is none of a day";
        return set_time(slot, 0, value, node, node->scale);
    case PQ_UNSIGNED:
        set_int(slot, narrow ? (int64_t)(uint32_t)value : value, true);
        return NULL;
    default:
        set_int(slot, value, false);
        return NULL;
    }
}

static double half(const unsigned char *at)
{
    unsigned bits = at[0] | (unsigned)at[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, (int)exponent - 25);
    return exponent == 31 ? (double)NAN : bits >> 15 ? -size : size;
}

static parquet_fault set_bytes(cJSON *slot, struct parquet_slice v, const struct parquet_node *node)
{
    char text[40];
    if (node->meaning == PQ_DECIMAL)
        return set_decimal(slot, v, false, (size_t)node->scale);
    if (node->meaning == PQ_FLOAT16 && v.n == 2) {
        set_number(slot, half(v.at));
        return NULL;
    }
    if (node->meaning == PQ_UUID && v.n == 16) {
        size_t n = 0;
        for (size_t i = 0; i < 16; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", v.at[i]);
        set_text(slot, text, n);
        return NULL;
    }
    if (memchr(v.at, '\0', v.n) != NULL || !utf8_valid((const char *)v.at, v.n))
        return "holds bytes, expected text (UTF-8 without NUL)";
    set_text(slot, (const char *)v.at, v.n);
    return NULL;
}

parquet_fault parquet_json(cJSON *slot, struct parquet_slice v, const struct parquet_node *node)
{
    static const size_t widths[PQ_TYPES] = {1, 4, 8, 12, 4, 8};
    int64_t whole = 0;
    int32_t narrow, julian;
    float single;
    double real;
    if (widths[node->type] > v.n || (node->type == PQ_FIXED && v.n != (size_t)node->width))
        return "its values are damaged or cut off";
    switch (node->type) {
    case PQ_BOOLEAN:
        set_bool(slot, v.at[0]);
        return NULL;
    case PQ_INT32:
    case PQ_INT64:
        if (node->meaning == PQ_DECIMAL)
            return set_decimal(slot, (struct parquet_slice){v.at, widths[node->type]}, true, (size_t)node->scale);
        memcpy(&narrow, v.at, sizeof narrow);
        memcpy(&whole, v.at, widths[node->type]);
        return set_whole(slot, node->type == PQ_INT32 ? narrow : whole, node);
    case PQ_INT96: /* nanoseconds of the day and the day by the Julian count, which is 2440588 for 1970-01-01 */
        memcpy(&whole, v.at, sizeof whole);
        memcpy(&julian, v.at + sizeof whole, sizeof julian);
        if (whole < 0 || whole > 86400000000000)
            return "a time is none of a day";
        return set_time(slot, (int64_t)julian - 2440588, whole, node, 9);
    case PQ_FLOAT:
        memcpy(&single, v.at, sizeof single);
        set_number(slot, (double)single);
        return NULL;
    case PQ_DOUBLE:
        memcpy(&real, v.at, sizeof real);
        set_number(slot, real);
        return NULL;
    default:
        return set_bytes(slot, v, node);
    }
}

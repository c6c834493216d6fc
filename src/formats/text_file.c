/* text_file.c - see text_file.h. */
#include "formats/text_file.h"

#include "base/file.h"
#include "base/utf8.h"
#include "formats/bounds.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK = 1 << 18 };

static enum status damaged(const char *path, const char *kind, struct error *err)
{
    return error_set(err, ERR_INPUT, "%s: the %s data is damaged or cut off, expected a whole file", path, kind);
}

static enum status too_large(const char *path, size_t unpacked, struct error *err)
{
    return error_set(
        err, ERR_INPUT,
        "%s: unpacks to more than %zu bytes, expected at most %d times its size (unpack it first where that is meant)", path,
        unpacked, UNPACKED_RATIO);
}

/* One gzip member after another. */
static enum status unpack_gzip(struct text *out, const struct file_map *map, const char *path, struct error *err)
{
    enum { ANY_GZIP = 15 + 16 };
    unsigned char *buffer = malloc(CHUNK);
    z_stream z = {0};
    size_t left = map->size;
    int code = buffer ? inflateInit2(&z, ANY_GZIP) : Z_MEM_ERROR;
    z.next_in = (unsigned char *)(uintptr_t)map->data;
    while (code == Z_OK || (code == Z_STREAM_END && (left > 0 || z.avail_in > 0))) {
        if (code == Z_STREAM_END && (code = inflateReset(&z)) != Z_OK)
            break;
        if (z.avail_in == 0) {
            z.avail_in = (unsigned)(left < CHUNK ? left : CHUNK);
            left -= z.avail_in;
        }
        z.next_out = buffer;
        z.avail_out = CHUNK;
        code = inflate(&z, Z_NO_FLUSH);
        if ((code == Z_OK || code == Z_STREAM_END) && !text_add(out, (const char *)buffer, CHUNK - z.avail_out))
            code = Z_MEM_ERROR;
        if (!unpacked_within_bounds(map->size, out->len))
            break;
    }
    inflateEnd(&z);
    free(buffer);
    if (code == Z_MEM_ERROR)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (!unpacked_within_bounds(map->size, out->len))
        return too_large(path, out->len, err);
    return code == Z_STREAM_END ? OK : damaged(path, "gzip", err);
}

static enum status unpack_zstd(struct text *out, const struct file_map *map, const char *path, struct error *err)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    char *buffer = malloc(CHUNK);
    ZSTD_inBuffer in = {map->data, map->size, 0};
    enum status status = z && buffer ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    size_t left = 1;                                                                     /* of the frame at hand */
    for (bool more = true; status == OK && (in.pos < in.size || (more && left != 0));) { /* a full buffer may hide more */
        ZSTD_outBuffer to = {buffer, CHUNK, 0};
        left = ZSTD_decompressStream(z, &to, &in);
        more = to.pos == CHUNK;
        if (ZSTD_isError(left))
            status = damaged(path, "zstd", err);
        else if (!text_add(out, buffer, to.pos))
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
        else if (!unpacked_within_bounds(map->size, out->len))
            status = too_large(path, out->len, err);
    }
    if (status == OK && left != 0)
        status = damaged(path, "zstd", err);
    ZSTD_freeDStream(z);
    free(buffer);
    return status;
}

static bool begins(const struct file_map *map, const char *magic, size_t n)
{
    return map->size >= n && memcmp(map->data, magic, n) == 0;
}

enum status text_file_read(char **text, size_t *length, char sha256[65], const char *path, struct error *err)
{
    struct file_map map;
    struct text out = {0};
    *text = NULL;
    enum status status = file_map_open(&map, path, err);
    if (status != OK)
        return status;
    if (begins(&map, "PAR1", 4) || text_file_named(path, ".parquet"))
        status = error_set(err, ERR_INPUT, "%s: is Parquet, which holds records, expected text", path);
    else if (begins(&map, "\x1f\x8b", 2))
        status = unpack_gzip(&out, &map, path, err);
    else if (begins(&map, "\x28\xb5\x2f\xfd", 4))
        status = unpack_zstd(&out, &map, path, err);
    else if (!text_add(&out, (const char *)map.data, map.size))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK && !text_add(&out, "", 0))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (status == OK && out.len >= 3 && memcmp(out.data, "\xef\xbb\xbf", 3) == 0) {
        out.len -= 3;
        memmove(out.data, out.data + 3, out.len + 1);
    }
    if (status == OK && !utf8_valid(out.data, out.len))
        status = error_set(err, ERR_INPUT, "%s: is not UTF-8, expected text", path);
    if (sha256 != NULL)
        sha256_hex(sha256, map.data, map.size);
    file_map_close(&map);
    if (status != OK) {
        text_free(&out);
        return status;
    }
    *text = out.data;
    *length = out.len;
    return OK;
}

/* Without regard to case: files come from systems that write .CSV. */
static bool ends(const char *path, size_t n, const char *ending)
{
    size_t e = strlen(ending);
    return n > e && strncasecmp(path + n - e, ending, e) == 0;
}

bool text_file_named(const char *path, const char *ending)
{
    size_t n = strlen(path);
    n -= ends(path, n, ".gz") ? 3 : ends(path, n, ".zst") ? 4 : 0;
    return ends(path, n, ending);
}

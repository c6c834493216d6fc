/* Data in the formats that people have: JSON lines, arrays, CSV, TSV; plain, gzip, zstd; and what is wrong with them. */
#include "base/file.h"
#include "formats/records.h"
#include "formats/text_file.h"
#include "suite_main.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static void expect_records(const char *path, const char *text, const char *want)
{
    cJSON *records;
    struct error err = {0};
    ck_assert_msg(records_parse(&records, path, text, strlen(text), &err) == OK, "%s", err.message);
    char *got = cJSON_PrintUnformatted(records);
    ck_assert_str_eq(got, want);
    free(got);
    cJSON_Delete(records);
}

static void expect_error(const char *path, const char *text, const char *says)
{
    cJSON *records;
    struct error err = {0};
    ck_assert_msg(records_parse(&records, path, text, strlen(text), &err) == ERR_INPUT, "'%s' was read", text);
    ck_assert_msg(strstr(err.message, says) && strstr(err.message, path), "'%s' does not say '%s'", err.message, says);
}

START_TEST(csv_as_rfc_4180_has_it)
{
    expect_records("a.csv", "text,label\n\"a, \"\"b\"\"\nc\",1\r\n\r\nplain,\n",
                   "[{\"text\":\"a, \\\"b\\\"\\nc\",\"label\":\"1\"},{\"text\":\"plain\",\"label\":\"\"}]");
    expect_records("a.csv.gz", "x\ny", "[{\"x\":\"y\"}]"); /* the name's packing is left aside */
    expect_records("a.tsv", "a\tb\n1,2\t3\n", "[{\"a\":\"1,2\",\"b\":\"3\"}]");
    expect_records("a.TSV", "a\tb\n\"x\ty\" z\n", "[{\"a\":\"\\\"x\",\"b\":\"y\\\" z\"}]"); /* no quotes in TSV */
    expect_error("a.csv", "a,b,a\n1,2,3\n", "column 'a' is there twice");
    expect_error("a.csv", "a,b\n1\n", "line 2 has 1 fields, expected 2");
    expect_error("a.csv", "a,b\n1,2,3\n", "line 2 has 3 fields");
    expect_error("a.csv", "a\n\"open\n", "line 2");
    expect_error("a.csv", "a\n\"x\"y\n", "quote");
    expect_error("a.csv", "only,a,header\n", "no records");
    expect_error("a.csv", "", "no records");
}
END_TEST

START_TEST(json_lines_and_arrays)
{
    expect_records("a.jsonl", "{\"a\":1}\n\n{\"a\":2}", "[{\"a\":1},{\"a\":2}]");
    expect_records("a", "{\"a\":1}\n", "[{\"a\":1}]");
    expect_records("a.json", "[{\"a\":1}, {\"a\":2}]", "[{\"a\":1},{\"a\":2}]");
    expect_records("a.json", "{\"version\":1,\"data\":[{\"a\":1}]}", "[{\"a\":1}]");
    expect_error("a.jsonl", "{\"a\":1}\n[2]\n", "line 2");
    expect_error("a.json", "[1]", "no object");
    expect_records("a.json", "{\"a\":1}", "[{\"a\":1}]");                        /* a record by itself */
    expect_records("a.json", "{\"a\":1}\n{\"a\":2}\n", "[{\"a\":1},{\"a\":2}]"); /* lines under the other ending */
    expect_records("a.JSONL", "[{\"a\":1},\n{\"a\":2}]", "[{\"a\":1},{\"a\":2}]");
    expect_records("a.jsonl", "{\"a\":NaN,\"b\":\"NaN \\\" NaN\",\"c\":[-Infinity]}",
                   "[{\"a\":null,\"b\":\"NaN \\\" NaN\",\"c\":[null]}]");
    expect_error("a.jsonl", "{\"a\":1}\n{\"a\":\"x\\u0000y\"}\n", "line 2 holds the character NUL");
    expect_records("a.jsonl", "{\"a\":\"x\\\\u0000\"}", "[{\"a\":\"x\\\\u0000\"}]"); /* a backslash and u0000 */
    expect_error("a.ndjson", "\n \n", "no records");
}
END_TEST

static char path[64];

static void expect_text(const void *bytes, size_t n, bool packed, const char *want)
{
    struct error err = {0};
    char *text, sha256[65];
    size_t length;
    ck_assert_int_eq(file_write(path, bytes, n, &err), OK);
    ck_assert_msg(text_file_read(&text, &length, sha256, path, &err) == OK, "%s", err.message);
    ck_assert_uint_eq(length, strlen(want));
    ck_assert_str_eq(text, want);
    free(text);
    for (size_t cut = 5; cut < n; cut += 7) { /* half a packed file is an error */
        ck_assert_int_eq(file_write(path, bytes, cut, &err), OK);
        if (packed)
            ck_assert_msg(text_file_read(&text, &length, NULL, path, &err) == ERR_INPUT, "%zu of %zu bytes were read", cut, n);
    }
}

START_TEST(packed_text_is_unpacked)
{
    char text[3000], packed[8000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + (i * i + i / 7) % 26);
    text[sizeof text - 1] = '\0';
    strcpy(path, "/tmp/difftf-test-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    expect_text("\xef\xbb\xbfplain", 8, false, "plain");
    gzFile gz = gzopen(path, "wb");
    gzwrite(gz, text, 1000);
    gzclose(gz);
    gz = gzopen(path, "ab"); /* a second member */
    gzwrite(gz, text + 1000, sizeof text - 1001);
    gzclose(gz);
    char *bytes;
    size_t n;
    struct error err = {0};
    ck_assert_int_eq(file_read(&bytes, &n, path, &err), OK);
    struct text whole = {0};
    ck_assert_int_eq(text_file_read(&whole.data, &whole.len, NULL, path, &err), OK);
    ck_assert_str_eq(whole.data, text);
    text_free(&whole);
    free(bytes);
    n = ZSTD_compress(packed, sizeof packed, text, strlen(text), 3);
    ck_assert(!ZSTD_isError(n));
    expect_text(packed, n, true, text);
    ck_assert_int_eq(file_write(path, "PAR1\x15", 5, &err), OK);
    ck_assert_int_eq(text_file_read(&bytes, &n, NULL, path, &err), ERR_INPUT);
    ck_assert_msg(strstr(err.message, "Parquet") && strstr(err.message, "expected text"), "%s", err.message);
    ck_assert_int_eq(file_write(path, "\xff\xfe", 2, &err), OK);
    ck_assert_int_eq(text_file_read(&bytes, &n, NULL, path, &err), ERR_INPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "UTF-8"));
    unlink(path);
}
END_TEST

SUITE_MAIN("records", csv_as_rfc_4180_has_it, json_lines_and_arrays, packed_text_is_unpacked)

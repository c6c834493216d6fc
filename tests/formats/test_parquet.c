/* Parquet: files by pyarrow (tests/fixtures/make_parquet.py) give the records that pyarrow reads; what is damaged or not read is
 * refused with a line that says why. */
#include "base/file.h"
#include "formats/records.h"
#include "suite_main.h"

#include <dirent.h>
#include <string.h>

static const char FOLDER[] = "tests/fixtures/parquet";

static cJSON *expected(const char *path)
{
    char *bytes, *name = strdup(path);
    size_t n;
    cJSON *records;
    struct error err = {0};
    strcpy(strstr(name, ".parquet"), ".jsonl");
    ck_assert_msg(file_read(&bytes, &n, name, &err) == OK, "%s", err.message);
    ck_assert_msg(records_parse(&records, name, bytes, n, &err) == OK, "%s", err.message);
    free(bytes);
    free(name);
    return records;
}

static void compare(const char *path, const cJSON *got, const cJSON *want)
{
    const cJSON *g = got->child, *w = want->child;
    for (size_t i = 1; g != NULL && w != NULL; g = g->next, w = w->next, i++)
        ck_assert_msg(cJSON_Compare(g, w, true), "%s: record %zu is %s, expected %s", path, i, cJSON_PrintUnformatted(g),
                      cJSON_PrintUnformatted(w));
    ck_assert_msg(g == NULL && w == NULL, "%s: has %d records, expected %d", path, cJSON_GetArraySize(got),
                  cJSON_GetArraySize(want));
}

/* Every file that is not to be refused. */
static size_t each(void (*use)(const char *path, const char *bytes, size_t n))
{
    struct dirent *entry;
    struct error err = {0};
    size_t files = 0;
    DIR *stream = opendir(FOLDER);
    ck_assert_ptr_nonnull(stream);
    while ((entry = readdir(stream)) != NULL) {
        char *path = path_join(FOLDER, entry->d_name), *bytes;
        size_t n;
        if (strstr(path, ".parquet") && !strstr(path, "refused")) {
            ck_assert_msg(file_read(&bytes, &n, path, &err) == OK, "%s", err.message);
            use(path, bytes, n);
            free(bytes);
            files++;
        }
        free(path);
    }
    closedir(stream);
    return files;
}

static void read_whole(const char *path, const char *bytes, size_t n)
{
    cJSON *got, *want = expected(path);
    struct error err = {0};
    ck_assert_msg(records_parse(&got, path, bytes, n, &err) == OK, "%s", err.message);
    compare(path, got, want);
    cJSON_Delete(got);
    ck_assert_msg(records_parse(&got, "no-ending", bytes, n, &err) == OK, "%s", err.message); /* by its first bytes */
    cJSON_Delete(got);
    cJSON_Delete(want);
}

START_TEST(records_are_those_of_pyarrow)
{
    ck_assert_uint_eq(each(read_whole), 33);
}
END_TEST

/* A status that is no other than one for bad input, and its line. */
static void refuse_or_read(const char *path, const char *bytes, size_t n)
{
    cJSON *records;
    struct error err = {0};
    enum status status = records_parse(&records, path, bytes, n, &err);
    ck_assert_msg(status == OK || (status == ERR_INPUT && strstr(err.message, path) == err.message && !strchr(err.message, '\n')),
                  "%s: status %d, '%s'", path, status, err.message);
    cJSON_Delete(status == OK ? records : NULL);
}

static void damage(const char *path, const char *bytes, size_t n)
{
    size_t step = n / 10 + 1;
    char *copy = malloc(n);
    for (size_t i = 0; i < n; i += step) {
        memcpy(copy, bytes, i);
        cJSON *records;
        ck_assert_msg(records_parse(&records, "x.parquet", copy, i, NULL) == ERR_INPUT, "%s: %zu of %zu bytes were read", path, i,
                      n);
        for (unsigned bit = 0; bit < 8; bit += 3) {
            memcpy(copy, bytes, n);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            refuse_or_read(path, copy, n);
        }
    }
    free(copy);
}

START_TEST(damaged_files_are_refused_or_read)
{
    ck_assert_uint_gt(each(damage), 0);
}
END_TEST

static const struct {
    const char *name, *says;
} REFUSED[] = {{"brotli", "column 'text': is packed by Brotli, expected Snappy, gzip, zstd or nothing"},
               {"lz4", "column 'text': is packed by LZ4"},
               {"empty", "holds no records, expected JSON lines, a JSON array, CSV, TSV or Parquet"},
               {"bytes", "column 'x': holds bytes, expected text"},
               {"nul", "column 'x': holds bytes, expected text"},
               {"many-nulls", "far more rows than the file has bytes"},
               {"one-text", "unpack to far more than the size of the file"},
               {"packed", "unpacks to far more than the size of the file"},
               {"deep", "at most 32 deep"},
               {"cut", "no whole Parquet file"},
               {"encrypted", "is encrypted Parquet"},
               {"checksum", "checksum"}};

START_TEST(what_is_not_read_is_refused_by_name)
{
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct text path = {0};
        cJSON *records;
        struct error err = {0};
        char sha256[65];
        text_printf(&path, "%s/refused-%s.parquet", FOLDER, REFUSED[i].name);
        ck_assert_msg(records_read(&records, sha256, path.data, &err) == ERR_INPUT, "%s was read", path.data);
        ck_assert_msg(strstr(err.message, REFUSED[i].says) && strstr(err.message, path.data) == err.message,
                      "'%s' does not say '%s'", err.message, REFUSED[i].says);
        text_free(&path);
    }
}
END_TEST

START_TEST(the_first_part_stands_for_all)
{
    cJSON *records;
    struct error err = {0};
    char first[65], all[65];
    ck_assert_msg(records_read(&records, all, "tests/fixtures/parquet/train-00000-of-00002.parquet", &err) == OK, "%s",
                  err.message);
    ck_assert_int_eq(cJSON_GetArraySize(records), 6);
    ck_assert_str_eq(json_text(records, "0.text"), "part 0, 0");
    ck_assert_str_eq(json_text(records, "5.text"), "part 1, 2");
    cJSON_Delete(records);
    ck_assert_msg(records_read(&records, first, "tests/fixtures/parquet/train-00001-of-00002.parquet", &err) == OK, "%s",
                  err.message);
    ck_assert_int_eq(cJSON_GetArraySize(records), 3); /* another part is itself */
    ck_assert_str_ne(first, all);
    cJSON_Delete(records);
}
END_TEST

SUITE_MAIN("parquet", records_are_those_of_pyarrow, damaged_files_are_refused_or_read, what_is_not_read_is_refused_by_name,
           the_first_part_stands_for_all)

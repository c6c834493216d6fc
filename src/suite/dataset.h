/* dataset.h - records and documents from files, and their entry in the report. */
#ifndef DIFFTF_SUITE_DATASET_H
#define DIFFTF_SUITE_DATASET_H

#include "suite/experiment.h"

/* Records of a JSON lines, JSON, CSV, TSV or Parquet file. */
struct dataset {
    char *path;
    cJSON *records; /* array of objects */
    cJSON **record; /* [n] the same by index */
    size_t n;
    char sha256[65];
};
/* `fields` renames (fields.h): "text=sentence,label=class" lets a task that reads `text` find `sentence`; NULL: none. */
enum status dataset_load(struct dataset *d, const char *path, const char *fields, struct error *err);
void dataset_free(struct dataset *d);
/* The string at a path of a record, or the number, true or false as text (into buffer [32]), also as a list of one; an error
 * names file, record and field. */
enum status dataset_text(const struct dataset *d, size_t i, const char *field, char buffer[32], const char **text,
                         struct error *err);

/* Long texts: a folder (each file is one), records (the field `text`), or one text file, which is cut into `wanted` pieces of
 * about `bytes` bytes each at sentence ends, one after another and as many as there are. */
struct documents {
    char **text;
    size_t *length, n;
    char sha256[65];
};
enum status documents_load(struct documents *d, const char *path, size_t wanted, size_t bytes, const char *fields,
                           struct error *err);
void documents_free(struct documents *d);

/* A row of the report's `data`; licence may be NULL. */
void experiment_add_data(struct experiment *e, const char *name, const char *path, const char *sha256, size_t records,
                         const char *licence);
/* The path that an option gave, or that of a file that comes with the program (its relative path is what the report shows); the
 * caller frees it. */
char *experiment_data_path(const char *given, const char *embedded);

#endif

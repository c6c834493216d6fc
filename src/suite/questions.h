/* questions.h - the records of a data set that are asked, and those that stand before them as worked examples. */
#ifndef DIFFTF_SUITE_QUESTIONS_H
#define DIFFTF_SUITE_QUESTIONS_H

#include "suite/dataset.h"

struct questions {
    struct dataset data, train;
    size_t *record, n; /* [n] which records of `data` are asked, ascending */
};

/* Where they are: what the options name, else what the form does. */
struct question_files {
    const char *name, *licence; /* of the set */
    const char *data, *train, *fields;
    const char *form_data, *form_train; /* files that come with the program; may be NULL, as the others but `name` */
};

/* Loads both files, adds them to the report's data, and draws `samples` records by the seed where there are more. Without a
 * training file the worked examples come from the data themselves. */
enum status questions_load(struct questions *q, struct experiment *e, const struct question_files *files, size_t samples,
                           struct error *err);
void questions_free(struct questions *q);

/* The file of the worked examples. */
const struct dataset *questions_examples(const struct questions *q);
/* `shots` different records of that file, drawn by the seed, never the question itself; fewer where there are not so many.
 * The caller frees the list. */
size_t *questions_draw(const struct questions *q, const struct experiment *e, size_t record, size_t shots, size_t *n);
/* Says which of the numbers of worked examples are more than there are. */
void questions_note_shots(const struct questions *q, struct experiment *e, const char *name, const struct sizes *shots);

#endif

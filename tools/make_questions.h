/* make_questions.h - the questions on documents that come with the program, for the task ruler. */
#ifndef DIFFTF_TOOLS_MAKE_QUESTIONS_H
#define DIFFTF_TOOLS_MAKE_QUESTIONS_H

#include "suite/haystack.h"

#include <stdio.h>

/* SQuAD's format: articles on people, of whom a paragraph says where they live and one what they do. */
void make_single(FILE *to, const struct haystack *h);
/* HotpotQA's: who lives in the city where somebody's child lives takes two of the documents. */
void make_two_steps(FILE *to, const struct haystack *h);

#endif

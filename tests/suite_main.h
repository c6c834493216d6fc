/* suite_main.h - one Check program a file: list the tests, get a main. */
#ifndef DIFFTF_TESTS_SUITE_MAIN_H
#define DIFFTF_TESTS_SUITE_MAIN_H

#include "base/startup.h"

#include <check.h>
#include <stdlib.h>

#define FIXTURES "tests/fixtures/"

/* fmax, which in a loop is more than GCC 12 for ARM can compile. */
static inline double larger(double a, double b)
{
    return b > a ? b : a;
}

#define SUITE_MAIN(name, ...)                                                                                                    \
    int main(void)                                                                                                               \
    {                                                                                                                            \
        startup();                                                                                                               \
        const TTest *const tests[] = {__VA_ARGS__};                                                                              \
        Suite *suite = suite_create(name);                                                                                       \
        TCase *tcase = tcase_create("all");                                                                                      \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)                                                                \
            tcase_add_test(tcase, tests[i]);                                                                                     \
        suite_add_tcase(suite, tcase);                                                                                           \
        SRunner *runner = srunner_create(suite);                                                                                 \
        srunner_run_all(runner, CK_NORMAL);                                                                                      \
        int failed = srunner_ntests_failed(runner);                                                                              \
        srunner_free(runner);                                                                                                    \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                                             \
    }

#endif

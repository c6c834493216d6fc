/* fit.h - the power law of scaling curves, L(x) = a x^-b + c. */
#ifndef DIFFTF_REPORT_FIT_H
#define DIFFTF_REPORT_FIT_H

#include <stdbool.h>
#include <stddef.h>

struct power_law {
    double a, b, c;
};

/* Least squares with a >= 0 and c >= 0: for each exponent the best a and c are linear, the exponent is searched for in
 * [0.01, 4]. False with fewer than three different x. */
bool power_law_fit(struct power_law *fit, const double *x, const double *y, size_t n);
double power_law_at(const struct power_law *fit, double x);
/* The x at which the law gives y; NAN when it never does. */
double power_law_inverse(const struct power_law *fit, double y);

#endif

/* fit.c - see fit.h. */
#include "report/fit.h"

#include <math.h>

double power_law_at(const struct power_law *f, double x)
{
    return f->a * pow(x, -f->b) + f->c;
}

double power_law_inverse(const struct power_law *f, double y)
{
    return y > f->c && f->a > 0 ? pow((y - f->c) / f->a, -1 / f->b) : NAN;
}

/* The best a and c for an exponent; returns the sum of squares. x is scaled by `unit` so that powers stay near one. */
static double solve(struct power_law *f, double b, const double *x, const double *y, size_t n, double unit)
{
    double mean_p = 0, mean_y = 0, pp = 0, py = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        mean_p += pow(x[i] / unit, -b) / (double)n;
        mean_y += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double p = pow(x[i] / unit, -b) - mean_p;
        pp += p * p;
        py += p * (y[i] - mean_y);
    }
    double a = pp > 0 ? py / pp : 0;
    a = a > 0 ? a : 0;
    double c = mean_y - a * mean_p;
    if (c < 0) { /* on the edge: through the origin */
        double num = 0, den = 0;
        for (size_t i = 0; i < n; i++) {
            double p = pow(x[i] / unit, -b);
            num += p * y[i];
            den += p * p;
        }
        a = den > 0 ? num / den : 0;
        c = 0;
    }
    for (size_t i = 0; i < n; i++) {
        double e = y[i] - a * pow(x[i] / unit, -b) - c;
        squares += e * e;
    }
    *f = (struct power_law){a * pow(unit, b), b, c};
    return squares;
}

bool power_law_fit(struct power_law *best, const double *x, const double *y, size_t n)
{
    enum { GRID = 60, GOLDEN = 60 };
    const double low = 0.01, high = 4, ratio = 0.6180339887498949;
    double log_x = 0, least = INFINITY, at = low;
    size_t different = 0;
    for (size_t i = 0; i < n; i++) {
        bool fresh = true;
        for (size_t j = 0; j < i; j++)
            fresh = fresh && x[j] != x[i];
        different += fresh;
        log_x += log(x[i]) / (double)n;
    }
    if (different < 3)
        return false;
    double unit = exp(log_x), step = pow(high / low, 1.0 / GRID);
    struct power_law f;
    for (int i = 0; i <= GRID; i++) {
        double b = low * pow(step, i), s = solve(&f, b, x, y, n, unit);
        if (s < least) {
            least = s;
            at = b;
        }
    }
    double from = log(at / step), to = log(at * step); /* golden section between the neighbours */
    for (int i = 0; i < GOLDEN; i++) {
        double left = to - ratio * (to - from), right = from + ratio * (to - from);
        if (solve(&f, exp(left), x, y, n, unit) < solve(&f, exp(right), x, y, n, unit))
            to = right;
        else
            from = left;
    }
    double s = solve(best, exp((from + to) / 2), x, y, n, unit);
    if (s > least)
        solve(best, at, x, y, n, unit);
    return true;
}

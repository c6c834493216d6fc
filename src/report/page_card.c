/* page_card.c - one claim at a glance: bars of the paper and of these models, and the difference; see page_parts.h. */
#include "report/page_parts.h"

#include "formats/json.h"
#include "report/html.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 320, LEFT = 104, BAR_END = 268, ROW = 17, TOP = 4 };

struct card {
    struct text *out;
    int row;
};

static double top_of(const struct card *c)
{
    return TOP + ROW * c->row;
}

/* One bar with its value behind it; `largest` fills the width. Models have the colours that they have everywhere. */
static void draw_bar(struct card *c, const char *label, const char *class, double value, double largest)
{
    double width = largest > 0 ? fmax(0, value) / largest * (BAR_END - LEFT) : 0;
    text_printf(c->out, "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">", LEFT - 6, top_of(c) + 12);
    html_text(c->out, label);
    text_printf(c->out, "</text><rect class=\"%s\" x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"13\"/>", class, LEFT,
                top_of(c) + 1.5, fmax(width, 1));
    text_printf(c->out, "<text x=\"%.1f\" y=\"%.0f\">", LEFT + width + 5, top_of(c) + 12);
    figure_text(c->out, value, largest, false);
    text_puts(c->out, "</text>");
    c->row++;
}

/* Zero in the middle, our difference with its interval, the smallest that the paper reports as an open diamond. */
static void draw_difference(struct card *c, const cJSON *claim)
{
    double low = json_real(claim, "ci.0"), high = json_real(claim, "ci.1"), value = json_real(claim, "difference");
    double paper = json_real(claim, "paper_difference") * json_real(claim, "direction");
    double largest = fmax(fabs(value), fmax(fabs(low), fabs(high))), middle = (LEFT + BAR_END) / 2.0, y = top_of(c) + 9;
    largest = fmax(isfinite(largest) ? largest : fabs(value), fabs(paper));
    double scale = largest > 0 ? (BAR_END - LEFT) / 2.2 / largest : 0;
    text_printf(c->out,
                "<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">difference</text><path class=\"grid\" d=\"M%d %.1fH%d\"/><path "
                "class=\"axis\" d=\"M%.1f %.1fv16\"/>",
                LEFT - 6, y + 4, LEFT, y, BAR_END, middle, y - 8);
    if (isfinite(low) && isfinite(high))
        text_printf(c->out, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1f\"/>", middle + low * scale, y, middle + high * scale);
    if (paper != 0)
        text_printf(c->out, "<path class=\"open\" d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\"/>", middle + paper * scale, y - 5);
    text_printf(c->out, "<circle class=\"m1\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/><text x=\"%d\" y=\"%.0f\">",
                middle + value * scale, y, BAR_END + 5, y + 4);
    figure_text(c->out, value, fmax(fabs(json_real(claim, "value")), fabs(json_real(claim, "baseline_value"))), true);
    text_puts(c->out, "</text>");
    c->row++;
}

/* Shares and rates between 0 and 1 share one scale with the paper's. */
static bool one_scale(double a, double b, double c, double d)
{
    return fmax(fmax(a, b), fmax(c, d)) <= 1 && fmin(fmin(a, b), fmin(c, d)) >= 0;
}

void page_claim_card(struct text *out, const cJSON *claim)
{
    double ours = json_real(claim, "value"), base = json_real(claim, "baseline_value");
    double paper = json_real(claim, "paper_value"), paper_base = json_real(claim, "paper_baseline");
    bool both = isfinite(paper) && isfinite(paper_base);
    double largest = fmax(ours, base), paper_largest = both ? fmax(paper, paper_base) : 0;
    struct card c = {.out = out};
    if (both && one_scale(ours, base, paper, paper_base))
        largest = paper_largest = fmax(largest, paper_largest);
    text_puts(out, "<figure class=\"card\"><figcaption>");
    html_text(out, json_text(claim, "claim"));
    text_puts(out, "<small>");
    html_text(out, json_text(claim, "verdict"));
    text_puts(out, json_text(claim, "setting")[0] ? ", " : "");
    html_text(out, json_text(claim, "setting"));
    text_printf(out, "</small></figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH,
                TOP * 2 + ROW * (both ? 5 : 3));
    html_text(out, json_text(claim, "claim"));
    text_puts(out, "\">");
    if (both) {
        draw_bar(&c, "paper, Transf.", "m0 pale", paper_base, paper_largest);
        draw_bar(&c, "paper, Diff", "m1 pale", paper, paper_largest);
    }
    draw_bar(&c, "here, Transf.", "m0", base, largest);
    draw_bar(&c, "here, Diff", "m1", ours, largest);
    draw_difference(&c, claim);
    text_puts(out, "</svg></figure>\n");
}

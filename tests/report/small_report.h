/* A small report written by hand, and a look for text in what is made of it. */
#ifndef DIFFTF_TESTS_SMALL_REPORT_H
#define DIFFTF_TESTS_SMALL_REPORT_H

#include "formats/json.h"

#include <check.h>
#include <string.h>

/* Two models on four items at two depths; `scores` are those of the second. */
static cJSON *make_report(const int scores[4])
{
    struct text t = {0};
    static const int base[4] = {1, 0, 1, 0};
    double mean = (scores[0] + scores[1] + scores[2] + scores[3]) / 4.0;
    text_puts(&t, "{\"schema\":\"difftf-eval/report/1\",\"task\":\"needle\",\"version\":\"0\",\"seed\":1,\"options\":{},"
                  "\"models\":[{\"name\":\"base\",\"n_maps\":1},{\"name\":\"diff\",\"n_maps\":2}],\"data\":[],\"series\":[],"
                  "\"views\":[{\"kind\":\"table\",\"name\":\"accuracy\",\"title\":\"found\",\"x\":\"depth\"},"
                  "{\"kind\":\"bars\",\"name\":\"accuracy\",\"title\":\"Found <all>\",\"x\":\"depth\"}],\"metrics\":[");
    for (int depth = 0; depth < 2; depth++)
        for (int m = 0; m < 2; m++) {
            const int *s = m ? scores : base;
            double value = (s[2 * depth] + s[2 * depth + 1]) / 2.0;
            text_printf(&t,
                        "{\"name\":\"accuracy\",\"model\":\"%s\",\"where\":{\"length\":64,\"needles\":1,\"asked\":1,\"depth\":%d}"
                        ",\"value\":%g,"
                        "\"ci\":[%g,%g],\"n\":2,\"better\":\"higher\",\"field\":\"score\",\"kind\":\"proportion\"},",
                        m ? "diff" : "base", 100 * depth, value, value / 2, (1 + value) / 2);
        }
    text_printf(
        &t,
        "{\"name\":\"accuracy\",\"model\":\"base\",\"where\":{\"length\":64,\"needles\":1,\"asked\":1},\"value\":0.5,\"ci\":[0.2,"
        "0.8],"
        "\"n\":4,\"better\":\"higher\",\"field\":\"score\",\"kind\":\"proportion\"},"
        "{\"name\":\"accuracy\",\"model\":\"diff\",\"where\":{\"length\":64,\"needles\":1,\"asked\":1},\"value\":%g,\"ci\":[0.2,"
        "1],"
        "\"n\":4,\"better\":\"higher\",\"field\":\"score\",\"kind\":\"proportion\"},"
        "{\"name\":\"speed\",\"model\":\"diff\",\"where\":{},\"value\":10,\"ci\":[9,11],\"n\":4,\"better\":\"higher\"}],"
        "\"comparisons\":[{\"name\":\"accuracy\",\"model\":\"diff\",\"baseline\":\"base\",\"where\":{\"length\":64,\"needles\":1,"
        "\"asked\":1},\"difference\":%g,\"ci\":[%g,%g],\"p_value\":0.5,\"n\":4}],\"items\":[",
        mean, mean - 0.5, mean - 0.6, mean - 0.4);
    for (int i = 0; i < 4; i++)
        text_printf(
            &t,
            "%s{\"id\":\"i%d\",\"where\":{\"length\":64,\"needles\":1,\"asked\":1,\"depth\":%d,\"sample\":%d},\"results\":{"
            "\"base\":{\"output\":\"\",\"score\":%d,\"evidence\":{}},\"diff\":{\"output\":\"\",\"score\":%d,\"evidence\":{}}}}",
            i ? "," : "", i, i / 2 * 100, i % 2, base[i], scores[i]);
    text_puts(&t, "],\"run\":{}}");
    cJSON *report = cJSON_Parse(t.data);
    ck_assert_ptr_nonnull(report);
    text_free(&t);
    return report;
}

static const int GOOD[4] = {1, 1, 1, 1};

static void expect_in(char *text, const char *wanted)
{
    ck_assert_msg(strstr(text, wanted) != NULL, "'%s' is not in:\n%s", wanted, text);
}

#endif

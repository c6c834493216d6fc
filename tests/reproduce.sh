#!/bin/sh
# Reports over trainings, the claims by them, and results/README.md, which follows from the reports that are kept.
. tests/check.inc

tools/reproduce check
report=$(ls results/reproduction/*/seed-*/needle.json | head -n 2 | tr '\n' ' ')
# shellcheck disable=SC2086
check "a report over trainings" 0 "report: $tmp/two.json" "$eval" trainings $report --out "$tmp/two.json"
check "the claims by it" 0 "too few to tell" "$eval" claims "$tmp/two.json"
check "every setting" 0 "256 tokens, 1 needle, 1 asked for" "$eval" claims "$tmp/two.json" --all
check "as Markdown" 0 "^| finds more of the asked numbers" "$eval" claims "$tmp/two.json" --format markdown
check "as JSON" 0 '"verdict"' "$eval" claims "$tmp/two.json" --format json
first=${report%% *}
check "one report is no number of trainings" 2 "expected at least 2" "$eval" trainings "$first" --out "$tmp/x.json"
check "the same training twice" 3 "expected another training" "$eval" trainings "$first" "$first" --out "$tmp/x.json"
echo done

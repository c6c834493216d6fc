#!/bin/sh
# Data of one's own through the command line: Parquet, its parts, fields that are paths and constants, and what is wrong with them.
. tests/check.inc

squad=tests/fixtures/parquet/squad.parquet
# Two short answers of the pair that comes with the program.
ask() { "$eval" hallucination --samples 2 --length 64 --max-new-tokens 4 "$@"; }

check "Parquet with nested answers" 0 '"records":.*2' sh -c "'$eval' hallucination --samples 2 --length 64 --max-new-tokens 4 --data $squad --field document=context,answer=answers.text --out '$tmp/report.json' && cat $tmp/report*"
check "a path to one answer" 0 "" ask --data $squad --field document=context,answer=answers.text.0 --out "$tmp/one.json"
check "a path that leads nowhere names record and field" 3 "squad.parquet: record 1: field 'answers.words' is missing" ask --data $squad --field answer=answers.words --out "$tmp/no.json"
check "a constant as every record's question" 0 "" ask --data $squad --field "document=context,question='Who, then?'" --out "$tmp/constant.json"
check "a constant whose quote is open" 2 "NAME='TEXT'" ask --data $squad --field "question='Who" --out "$tmp/no.json"
check "an empty file names Parquet" 3 "TSV or Parquet" ask --data tests/fixtures/parquet/refused-empty.parquet --out "$tmp/no.json"
check "a damaged file is one line" 3 "no whole Parquet file" ask --data tests/fixtures/parquet/refused-cut.parquet --out "$tmp/no.json"
[ "$(wc -l <"$tmp/out")" = 1 ] && echo "ok one line" || echo "not ok one line"
cp tests/fixtures/parquet/train-00000-of-00002.parquet "$tmp"
check "a part that is missing is named" 3 "train-00001-of-00002.parquet" "$eval" perplexity --data "$tmp/train-00000-of-00002.parquet" --out "$tmp/no.json"
[ -e "$tmp/no.json" ] && echo "not ok nothing is written for bad data" || echo "ok nothing is written for bad data"
echo done

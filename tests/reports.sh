#!/bin/sh
# What is made from reports, as a person meets it: table, compare, check, rescore, show, run, report, in files of the schema.
. tests/check.inc

# The sound pair, and the same with one layer's weights perturbed.
cp -r models/transformer "$tmp/damaged"
/usr/bin/python3 - "$tmp/damaged/model.safetensors" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
begin, end = header["model.layers.1.self_attn.q_proj.weight"]["data_offsets"]
for i in range(8 + n + begin + 1, 8 + n + end, 2):
    data[i] ^= 0x80  # the sign of a BF16
open(sys.argv[1], "wb").write(data)
END
needle="needle --lengths 512 --depths 50 --needles 1/1 --samples 12 --quiet --no-progress"
check "a sound run" 0 "" sh -c "$eval $needle --model m=models/transformer --out $tmp/sound.json; echo"
check "a damaged run" 0 "" sh -c "$eval $needle --model m=$tmp/damaged --out $tmp/damaged.json; echo"
check "the sound model passes" 0 "checks hold" "$eval" check "$tmp/sound.json" --against "$tmp/sound.json"
check "the damaged model fails" 1 "FAIL  needle: accuracy of m" "$eval" check "$tmp/damaged.json" --against "$tmp/sound.json" --junit "$tmp/j.xml"
check "junit says so" 0 "<failure message=" cat "$tmp/j.xml"
printf 'rules:\n  - {metric: accuracy, where: {depth: 50}, min: 0.5}\n' >"$tmp/rules.yaml"
check "rules hold" 0 "checks hold" "$eval" check "$tmp/sound.json" --expect "$tmp/rules.yaml"
check "rules fail" 1 "FAIL" "$eval" check "$tmp/damaged.json" --expect "$tmp/rules.yaml"
"$eval" perplexity --samples 2 --length 64 --model m=models/transformer --quiet --no-progress --out "$tmp/two.json"
printf 'rules:\n  - {metric: nll, use: high, max: 10}\n' >"$tmp/high.yaml"
check "a rule on an interval that is not there" 1 "it has no interval" "$eval" check "$tmp/two.json" --expect "$tmp/high.yaml"
check "wrong rules" 3 "rules.yaml" sh -c "echo 'rules: [{metrics: x}]' > $tmp/rules.yaml; $eval check $tmp/sound.json --expect $tmp/rules.yaml"
check "check without a standard" 2 "--against" "$eval" check "$tmp/sound.json"
check "compare two reports" 0 "^accuracy, 512 tokens" "$eval" compare "$tmp/damaged.json" "$tmp/sound.json"
check "compare of other tasks" 3 "in common" sh -c "sed 's/\"accuracy\"/\"other\"/; s/attention_/x_/g; s/all_found/y/g' $tmp/sound.json > $tmp/x.json; sed -i 's/\"accuracy\"/\"other\"/g' $tmp/x.json; $eval compare $tmp/sound.json $tmp/x.json"
check "table in Markdown" 0 "| numbers found | depth 50 % |" "$eval" table "$tmp/sound.json" --format markdown
check "table of all" 0 "^attention on the answer, by absolute value" "$eval" table "$tmp/sound.json" --all
check "table of nothing" 3 "cannot be" "$eval" table "$tmp/nothing.json"
for set in one two; do
    sed "s/^name: .*/name: $set/" configs/choice/reading.yaml >"$tmp/$set.yaml"
    "$eval" choice --form "$tmp/$set.yaml" --samples 6 --quiet --no-progress --out "$tmp/$set.json"
done
narrow() { # COMMAND..: no line of more than 80 columns
    "$@" >"$tmp/tables" && awk 'length($0) > 80 { print "long: " $0; exit 1 }' "$tmp/tables" && echo narrow
}
check "tables fit 80 columns" 0 narrow narrow "$eval" table "$tmp/sound.json" --all
check "comparisons, too" 0 narrow narrow "$eval" compare "$tmp/damaged.json" "$tmp/sound.json"
check "unless they may be wide" 0 "^accuracy, 512 tokens, .*yes$" "$eval" compare "$tmp/damaged.json" "$tmp/sound.json" --wide
check "one setting of a comparison" 0 "^accuracy" "$eval" compare "$tmp/damaged.json" "$tmp/sound.json" --metric accuracy --where depth=50
grep -q attention "$tmp/out" && echo "not ok it has that metric alone" || echo "ok it has that metric alone"
check "figures are numbers in JSON" 0 '", 1, 0, 1, \[0\.[0-9]*, 1\], 0\.[0-9]*, 12, ' "$eval" compare "$tmp/damaged.json" "$tmp/sound.json" --format json --metric accuracy
check "a metric that there is not" 2 "did you mean accuracy" "$eval" table "$tmp/sound.json" --metric acuracy
check "the average over sets" 0 "one  *two  *average" "$eval" table "$tmp/one.json" "$tmp/two.json"
check "an unknown format" 2 "markdown" "$eval" table "$tmp/sound.json" --format word
check "show lists the items" 0 "length=512,depth=50,needles=1/1,sample=3" "$eval" show "$tmp/sound.json"
item="length=512,depth=50,needles=1/1,sample=3"
check "show an item" 0 "score: " "$eval" show "$tmp/sound.json" --item "$item"
check "show runs it again" 0 "Question: What is the special magic number for" "$eval" show "$tmp/sound.json" --item "$item" --run
check "show gives probabilities" 0 "  p [01]\.[0-9]* " "$eval" show "$tmp/sound.json" --item "$item" --run --model m
check "show of no item" 2 "--item" "$eval" show "$tmp/sound.json" --item nothing
check "rescore of the same rule" 0 "report: $tmp/sound-rescored.json" "$eval" rescore "$tmp/sound.json"
check "gives the same report" 0 same /usr/bin/python3 -c "
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
assert b.pop('rescore_of')
for r in (a, b): r.pop('run'); r.pop('digest')
print('same' if a == b else [k for k in a | b if a.get(k) != b.get(k)])" "$tmp/sound.json" "$tmp/sound-rescored.json"
check "hallucination by facts" 0 "" sh -c "$eval hallucination --samples 4 --form question --quiet --no-progress --out $tmp/h.json; echo"
check "rescored by another judge" 0 "free of hallucination" "$eval" rescore "$tmp/h.json" --set judge=lexical --set threshold=0.5 --out "$tmp/h2.json"
check "the judge is written down" 0 '"judge":	"lexical"' cat "$tmp/h2.json"
check "rescore by nobody" 2 "judge" "$eval" rescore "$tmp/h.json" --set judge=nobody
check "perplexity against a base" 0 "^same most likely token as the base  *1.000" "$eval" perplexity --samples 3 --length 64 --model m=models/transformer --against models/transformer --no-progress --out "$tmp/against.json" --fresh
check "perplexity against no model" 3 "nothing" "$eval" perplexity --samples 1 --length 64 --against "$tmp/nothing" --out "$tmp/p.json"
check "rescore of a task with one rule" 2 "no other rule" sh -c "$eval perplexity --samples 1 --length 64 --quiet --no-progress --out $tmp/p.json; $eval rescore $tmp/p.json"
# A judge over HTTP that is busy, breaks off and talks nonsense now and then: every output gets its verdict, and gets it once.
cat >"$tmp/judge.py" <<'END'
import http.server, json, sys
good, asked = [0], [0]
class Judge(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked[0] += 1
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
        kind = asked[0] % 5
        body = json.dumps({"choices": [{"message": {"content": "**Conclusion**: " + ("True" if "lives in" in prompt.split("#Answer#:")[1] else "False")}}]})
        if kind == 1:
            self.send_response(429); self.send_header("Content-Length", "0"); self.end_headers(); return
        if kind == 2:
            self.close_connection = True; return
        if kind == 3:
            body = body[:20]
        else:
            good[0] += 1
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body.encode())
        open(sys.argv[1] + "/good", "w").write(str(good[0]))
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
open(sys.argv[1] + "/port", "w").write(str(server.server_port))
server.serve_forever()
END
/usr/bin/python3 "$tmp/judge.py" "$tmp" &
judge=$!
while [ ! -s "$tmp/port" ]; do sleep 0.1; done
ask="$eval hallucination --samples 6 --form question --judge openai --judge-url http://127.0.0.1:$(cat "$tmp/port")/v1 --judge-rate 0 --judge-delay 0.01 --no-progress --out $tmp/o.json"
# shellcheck disable=SC2086
check "a judge over HTTP" 0 "^accuracy, question" $ask
check "every output is judged once" 0 '^12$' cat "$tmp/good"
# shellcheck disable=SC2086
check "a finished run asks nothing" 0 "^accuracy, question" $ask --resume
check "still once" 0 '^12$' cat "$tmp/good"
kill "$judge"
cat >"$tmp/run.yaml" <<'END'
name: Two & more
output: OUT
options: {samples: 2, seed: 5}
evaluations:
  - {task: needle, lengths: [256], depths: [0, 100], needles: [1/1]}
  - {task: perplexity, length: 256}
  - {task: icl, shots: [2, 4], orders: 2, length: 256}
  - {task: hallucination, length: 512}
  - {task: outliers, tokens: 512, length: 128, groups: 2, documents: 2}
  - {task: choice, shots: [0, 1]}
  - {task: scaling}
  - {task: throughput, lengths: [32]}
  - {task: math, samples: 4, max-new-tokens: 4}
END
sed -i "s|OUT|$tmp/reports|" "$tmp/run.yaml"
check "dry run" 0 "document=1" "$eval" run "$tmp/run.yaml" --dry-run
check "every task in one file" 0 "page: $tmp/reports/page.html" "$eval" run "$tmp/run.yaml" --no-progress
for task in needle perplexity icl hallucination outliers choice scaling throughput math; do
    check "$task follows the schema" 0 "" sh -c "tests/validate-report $tmp/reports/$task.json && echo"
done
before=$(stat -c %Y.%i "$tmp/reports/needle.json")
check "what is finished is kept" 0 "page:" "$eval" run "$tmp/run.yaml" --no-progress
[ "$before" = "$(stat -c %Y.%i "$tmp/reports/needle.json")" ] && echo "ok it was not run again" || echo "not ok it was run again"
check "an unknown task in a file" 3 "nedle" sh -c "printf 'output: $tmp/o\nevaluations: [{task: nedle}]\n' > $tmp/bad.yaml; $eval run $tmp/bad.yaml"
check "an unknown option in a file" 3 "lenghts" sh -c "printf 'output: $tmp/o\nevaluations: [{task: needle, lenghts: [5]}]\n' > $tmp/bad.yaml; $eval run $tmp/bad.yaml"
experiment_says() { # NAME PATTERN LINE..: a file of these lines is refused before anything runs
    name=$1 pattern=$2
    shift 2
    printf '%s\n' "output: $tmp/o" "$@" >"$tmp/bad.yaml"
    check "$name" 3 "bad.yaml: $pattern" "$eval" run "$tmp/bad.yaml" --no-progress
    [ -e "$tmp/o/needle.json" ] && echo "not ok $name: something ran" || echo "ok $name: nothing ran"
}
tiny='{task: needle, lengths: [256], depths: [0], needles: [1/1], samples: 1}'
experiment_says "an unknown key" "key 'optons' is not known, did you mean options?" "optons: {seed: 2}" "evaluations: [$tiny]"
experiment_says "an unknown option for all" "key 'options.sed' is not known, did you mean seed?" "options: {sed: 2}" "evaluations: [$tiny]"
experiment_says "an option of other tasks" "key 'options.demonstrations' is not known" "options: {demonstrations: 2}" "evaluations: [$tiny]"
experiment_says "options that are none" "key 'options' is wrong" "options: 5" "evaluations: [$tiny]"
experiment_says "a mistake in the last evaluation" "key 'sampels'" "evaluations: [$tiny, {task: icl, sampels: 2}]"
experiment_says "two of one name" "two evaluations write" "evaluations: [$tiny, $tiny]"
experiment_says "no evaluations" "key 'evaluations' is missing" "name: x"
echo "- a" >"$tmp/bad.yaml"
check "an experiment that is a list" 3 "is no mapping" "$eval" run "$tmp/bad.yaml"
check "report" 0 "page: $tmp/page.html" "$eval" report "$tmp/reports/needle.json" "$tmp/reports/outliers.json" --out "$tmp/page.html" --title "A <b>"
check "report with prompts" 0 "page: $tmp/page.html" "$eval" report "$tmp/reports/needle.json" "$tmp/reports/choice.json" --out "$tmp/page.html" --prompts 2
tr -d '\n' <"$tmp/page.html" | grep -q '<mark>The special magic' && echo "ok the needle is marked" || echo "not ok the needle is not marked"
while read -r task says; do
    "$eval" report "$tmp/reports/$task.json" --out "$tmp/page.html" --prompts 1 >/dev/null
    check "the page has the prompt of $task" 0 "$says" sed -n '/class="prompt"/,/<\/pre>/p' "$tmp/page.html"
done <<END
icl <mark>
math <mark>Question:
hallucination <mark>Where
END
check "report without a page" 2 "--out" "$eval" report "$tmp/reports/needle.json"
check "report of nothing" 3 "nothing.json" "$eval" report "$tmp/nothing.json" --out "$tmp/page.html"
check "a page on a full disk" 4 "cannot be written" "$eval" report "$tmp/reports/needle.json" --out /dev/full/x.html

# The page in a real browser: every chart is there, nothing is loaded, nothing complains.
if command -v chromium >/dev/null 2>&1; then
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
        --disable-sync --user-data-dir="$tmp/chromium" --enable-logging=stderr --dump-dom "file://$tmp/reports/page.html" >"$tmp/dom.html" 2>"$tmp/log"
    grep -q 'CONSOLE' "$tmp/log" && { echo "not ok the browser complains:"; grep CONSOLE "$tmp/log"; } || echo "ok the browser does not complain"
    for title in "Numbers found, by depth and length" "Attention on the asked needles, and on the noise around them, by depth" "Average loss up to a position" \
        "Accuracy, by demonstrations" "Accuracy of each order of the same demonstrations" "Outputs free of hallucination" \
        "Absolute values, counted by powers of two" "Accuracy with rounded attention logits" "Perplexity with rounded attention logits" \
        "Accuracy, by worked examples" "Loss against size and tokens: fits over what was measured" "Tokens a second, by length"; do
        grep -q "<figcaption>$title" "$tmp/dom.html" && echo "ok chart: $title" || echo "not ok no chart: $title"
    done
    grep -qE '<span class="count" role="status">[1-9][0-9]* of [1-9]' "$tmp/dom.html" && echo "ok items are counted" || echo "not ok items are not counted"
    "$eval" attention --prompt "The special magic Oslo number is: 4242421." --out "$tmp/attention.html" >/dev/null
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
        --disable-sync --user-data-dir="$tmp/chromium" --enable-logging=stderr --dump-dom "file://$tmp/attention.html" >"$tmp/dom-attention.html" 2>"$tmp/log"
    grep -q 'CONSOLE' "$tmp/log" && { echo "not ok the browser complains of the viewer:"; grep CONSOLE "$tmp/log"; } || echo "ok the browser does not complain of the viewer"
    grep -q 'aria-pressed="true"' "$tmp/dom-attention.html" && echo "ok the viewer draws a head" || echo "not ok the viewer draws no head"
    empty=$(grep -c '<figure[^>]*><figcaption>[^<]*</figcaption></figure>' "$tmp/dom.html")
    [ "$empty" = 0 ] && echo "ok no chart is empty" || echo "not ok $empty charts are empty"
fi
echo done

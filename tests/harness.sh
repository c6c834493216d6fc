#!/bin/sh
# Results of the LM Evaluation Harness are read as reports, and reports are written in its layout.
. tests/check.inc

# Two runs on the same twelve documents, as the Harness writes them: one metric that is a mean of samples, one that is not.
python3 - "$tmp" <<'END'
import hashlib, json, pathlib, sys
def run(name, model, date, right, filters=("none",), samples=True):
    folder = pathlib.Path(sys.argv[1], name, model)
    folder.mkdir(parents=True)
    results, mean = {}, sum(right) / len(right)
    for f in filters:
        results |= {f"acc,{f}": mean, f"acc_stderr,{f}": 0.1, f"ppl,{f}": 12.5 + mean, f"ppl_stderr,{f}": float("nan")}
    json.dump({"results": {"sums": {"alias": "sums", "sample_len": 12} | results,
                           "group": {"alias": "group", "acc,none": 0.5, "acc_stderr,none": "N/A"}},
               "groups": {"group": {"alias": "group", "acc,none": 0.5}}, "group_subtasks": {"group": ["sums"]},
               "higher_is_better": {"sums": {"acc": True, "ppl": False}}, "n-samples": {"sums": {"original": 12, "effective": 12}},
               "config": {"model": "hf", "random_seed": 0}, "lm_eval_version": "0.4.9", "model_name": model},
              open(folder / f"results_{date}.json", "w"), indent=2)
    if samples:
        with open(folder / f"samples_sums_{date}.jsonl", "w") as out:
            for f in filters:
                for i, x in enumerate(right):
                    out.write(json.dumps({"doc_id": i, "doc": {"q": "NaN \" Infinity"}, "target": "0", "arguments": {}, "resps": [["a"]],
                                          "filtered_resps": ["a"], "filter": f, "metrics": ["acc", "ppl"], "acc": x,
                                          "ppl": [float("-inf"), 3], "doc_hash": hashlib.sha256(str(i).encode()).hexdigest()}) + "\n")
a, b = [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0], [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
run("A", "small", "2026-01-02T03-04-05.123456", a)
run("B", "large", "2026-01-02T04-04-05.123456", b)
run("old", "large", "2026-01-01T04-04-05.123456", [0] * 12)
run("F", "small", "2026-01-02T05-04-05.123456", a, ("strict-match", "flexible-extract"))
run("G", "small", "2026-01-02T05-04-05.123456", a, samples=False)
END
cp "$tmp/old/large/"* "$tmp/B/large"
cd "$tmp" || exit 1
case $eval in /*) ;; *) eval=$OLDPWD/$eval ;; esac

check "two folders are paired by document" 0 "0.667 *0.333 *+0.333 .*  12 *yes" "$eval" compare A B
check "the newest results of a folder count" 0 "^accuracy, by the sum, sums *0.667" "$eval" table B
check "a figure that is no mean has its own interval" 0 "ppl, sums *12.8" "$eval" table A
check "a group without samples" 0 "accuracy, by the sum, group *0.500" "$eval" table A
check "a file of results" 0 "yes" sh -c "$eval compare A/small/results_* B/large/results_2026-01-02*"
check "files of samples alone" 0 "yes" sh -c "$eval compare A/small/samples_* B/large/samples_*01-02*"
check "filters are places" 0 "accuracy, by the sum, sums, filter flexible-extract *0.333" "$eval" table F
check "results without samples are compared by their errors" 0 "0.667 *0.333 .* 12 *no$" "$eval" compare G B
check "a better model passes" 0 "all .* checks hold" "$eval" check B --against A
check "a worse one does not" 1 "FAIL" "$eval" check A --against B --alpha 0.2
mkdir both && cp -r A/small B/large both
check "the models of one folder" 0 "0.333 *0.667 .* yes$" "$eval" compare both
check "one table of CSV" 0 "lm-eval,acc,small,sums,,0.333333333,.*,12$" "$eval" table A --format csv
check "a page" 0 "page:" "$eval" report both --out page.html
mkdir empty
check "a folder of something else" 3 "holds no results_" "$eval" table empty
head -c 200 A/small/samples_* >A/small/samples_sums_2026-01-02T03-04-05.123456.jsonl.cut
mkdir cut && mv A/small/*.cut cut/samples_sums_2026.jsonl
check "a cut line is named" 3 "samples_sums_2026.jsonl: line 1" "$eval" table cut
echo '{"results": 3}' >cut/results_2027.json
check "no results" 3 "key 'results' is missing" "$eval" table cut/results_2027.json
echo '{"doc_id": "x"}' >cut/samples_sums_2026.jsonl
check "no sample" 3 "line 1: has no doc_id or no metrics" "$eval" table cut/samples_sums_2026.jsonl
cat A/small/samples_* A/small/samples_* >cut/samples_sums_2026.jsonl
rm cut/results_2027.json

# A report in the Harness's layout is read back with the same figures and differences.
cd "$OLDPWD" || exit 1
$eval choice --samples 20 --shots 0,1 --quiet --out "$tmp/c.json"
check "a report is exported" 0 "6 files" "$eval" export "$tmp/c.json" --format lm-eval --out "$tmp/x"
python3 - "$tmp" <<'END'
import csv, glob, io, json, os, subprocess, sys
eval_, tmp = os.path.join(os.environ.get("BUILD", "build"), "difftf-eval"), sys.argv[1]
rows = lambda *a: list(csv.DictReader(io.StringIO(subprocess.run([eval_, *a, "--format", "csv"], capture_output=True, text=True, check=True).stdout)))
own = {(r["metric"], f"choice_reading_shots_{r['shots']}"): r for r in rows("compare", f"{tmp}/c.json", "--models", "transformer,diff-transformer")}
back = {(r["metric"], r["set"]): r for r in rows("compare", f"{tmp}/x/transformer", f"{tmp}/x/diff-transformer")}
same = own.keys() == back.keys() and all(abs(float(own[k][c]) - float(back[k][c])) < 1e-8 for k in own for c in ("value", "difference", "low", "high", "p_value"))
print("ok the figures come back" if same and own else f"not ok the figures come back: {own} {back}")
for path in glob.glob(f"{tmp}/x/*/samples_*"):
    lines = [json.loads(l) for l in open(path)]
    good = [l["doc_id"] for l in lines] == list(range(20)) and all(set(l["metrics"]) <= l.keys() and len(l["resps"]) == len(l["arguments"]) == 4 for l in lines)
    print("ok samples" if good else f"not ok {path}")
r = json.load(open(glob.glob(f"{tmp}/x/transformer/results_*")[0]))
x = [l["acc"] for l in map(json.loads, open(glob.glob(f"{tmp}/x/transformer/samples_*shots_0*")[0]))]
m = sum(x) / 20
error = (sum((v - m) ** 2 for v in x) / 19 / 20) ** 0.5
got = r["results"]["choice_reading_shots_0"]
print("ok the standard error is the Harness's" if abs(got["acc_stderr,none"] - error) < 1e-8 and abs(got["acc,none"] - m) < 1e-8 else f"not ok standard error {got}, expected {error}")
END
check "a report that is none" 3 "schema" "$eval" export docs/report.schema.json --out "$tmp/y"
check "nowhere to write" 2 "--out: is missing" "$eval" export "$tmp/c.json"
echo done

"""Properties of ruler's prompts and scores by the rules of RULER, told from reports: ruler.py prompts REPORT | outputs REPORT NEW | scores REPORT.

prompts: every prompt of a report, as the model was given it, is taken apart: lengths, needles, chains, counts of words, documents.
outputs: writes a report whose outputs are random pieces of the answers; scores: after `rescore`, each score is what RULER's
string_match_all and string_match_part give."""
import collections
import json
import os
import random
import re
import subprocess
import sys

EVAL = os.path.join(os.environ.get("BUILD", "build"), "difftf-eval")
NEW_TOKENS = {"niah": 128, "vt": 30, "cwe": 120, "fwe": 50, "qa": 32}
NEEDLE = r"One of the special magic (\w+) for (\S+) is: (\S+)\."
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NUMBER = r"[1-9][0-9]{6}"
KEY = r"[a-z]+-[a-z]+"
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
#        keys, values, asked, what a key and a value look like
NIAH = {"niah_single_1": (1, 1, 1, KEY, NUMBER), "niah_single_2": (1, 1, 1, KEY, NUMBER), "niah_single_3": (1, 1, 1, KEY, UUID),
        "niah_multikey_1": (4, 1, 1, KEY, NUMBER), "niah_multikey_2": (1, 1, 1, KEY, NUMBER),
        "niah_multikey_3": (1, 1, 1, UUID, UUID), "niah_multivalue": (1, 4, 1, KEY, NUMBER), "niah_multiquery": (4, 1, 4, KEY, NUMBER)}


def niah(name, text, expected, size, _):
    keys, values, asked, key, value = NIAH[name]
    body, question = text.rsplit("\nWhat ", 1)
    needles = re.findall(NEEDLE, body)
    lines = name in ("niah_multikey_2", "niah_multikey_3")
    assert len(needles) == keys * values + (size if lines else 0), f"{len(needles)} needles"
    assert all(re.fullmatch(key, k) and re.fullmatch(value, v) for _, k, v in needles), "another kind of key or value"
    wanted = re.search(r"for (.*?) mentioned in", question).group(1)
    asks = re.findall(key, wanted)
    assert len(asks) == asked and (asked == 1 or ", and " in wanted), wanted
    assert expected == [v for a in asks for v in sorted((v for _, k, v in needles if k == a), key=expected.index)], expected
    assert len(expected) == asked * values
    one = asked * values == 1
    assert text.startswith("A special magic" if one else "Some special magic") and text.endswith(" is" if one else " are")
    if name == "niah_single_1":
        assert body.count(NOISE) == size and len(body.split("\n")) == size + 2, "lines of noise"
    if not lines and name != "niah_single_1":
        rest = re.sub(NEEDLE, " ", body.split("\n", 1)[1]).split()
        book = open("data/haystack/persuasion.txt").read().split()
        assert rest == [book[i % len(book)] for i in range(size)], "another haystack than the first words of the book"


def vt(_, text, expected, size, __):
    value = re.search(r"assigned the value (\d+)", text).group(1)
    chain = re.findall(r"^VAR ([A-Z]{5}) = (?:VAR )?([A-Z]{5}|\d{5}) ?$", text, re.M)
    assert [a for a, _ in chain] == expected and len(set(expected)) == 5, chain
    assert [b for _, b in chain] == [value] + expected[:-1] and 10000 <= int(value) <= 99998, chain
    assert text.count(NOISE) == size and f" 5 variables are assigned the value {value}, they are: " in text


def cwe(_, text, expected, size, length):
    lists = [[w.split() for w in re.findall(r"\d+\. \S+", l)] for l in text.split("\n")
             if re.match(r"1\. \S+ 2\. ", l)]
    assert len(lists) == 2
    counts = [collections.Counter(w for _, w in l) for l in lists]
    assert all([n for n, _ in l] == [f"{i + 1}." for i in range(len(l))] for l in lists), "numbers are not in order"
    short = length < 4096
    for c, words, common, others in ((counts[0], 20 if short else 40, 3 if short else 10, 1 if short else 3),
                                     (counts[1], size, 6 if short else 30, 1 if short else 3)):
        assert sorted(c.values()) == [others] * (words - 10) + [common] * 10, "words stand there otherwise"
    assert {w for w, _ in counts[1].most_common(10)} == set(expected) or size == 10
    answer = re.search(r"in the list are: (1\. .*)\n", text).group(1)
    assert {w for w, _ in counts[0].most_common(10)} == set(re.findall(r"\d+\. (\S+)", answer)), "the example's answer"


def fwe(_, text, expected, size, length):
    words = text.split("coded words. ", 1)[1].split("\nQuestion:")[0].split()
    counts = collections.Counter(words)
    ranked = [int(size * k ** -2.0 / 1.6449340668482264) for k in range(1, (length - 50) // 50 + 1)]
    assert sorted(counts.values(), reverse=True) == [n for n in ranked if n], "counts are not of the zeta distribution"
    assert counts["..."] == ranked[0] and [counts[w] for w in expected] == ranked[1:4]
    assert all(re.fullmatch("[a-z]{6}", w) for w in counts if w != "...")


def qa(name, text, expected, size, _):
    documents = re.split(r"\n*Document \d+:\n", text.split("given documents.\n\n", 1)[1].rsplit("\n\nAnswer the question", 1)[0])[1:]
    query = re.search(r"Question: (.*) Answer:$", text).group(1)
    data = json.load(open("data/ruler/single.json" if name == "qa_1" else "data/ruler/two-steps.json"))
    if name == "qa_1":
        known = [p["context"] for a in data["data"] for p in a["paragraphs"]]
        found = [([p["context"]], [x["text"] for x in q["answers"]]) for a in data["data"] for p in a["paragraphs"]
                 for q in p["qas"] if q["question"] == query]
    else:
        known = [f"{t}\n{''.join(s)}" for e in data for t, s in e["context"]]
        found = [([f"{t}\n{''.join(s)}" for t, s in e["context"]], [e["answer"]]) for e in data if e["question"] == query]
    assert len(documents) == size and set(documents) <= set(known), "documents of another file"
    assert any(set(own) <= set(documents) and answers == expected for own, answers in found), "the documents that answer are missing"
    assert len(set(documents)) == min(size, len(set(known))), "a document twice"


def prompts(report):
    r = json.load(open(report))
    for item in r["items"]:
        name, length = item["where"]["task"], item["where"]["length"]
        kind = name.split("_")[0]
        model, result = next(iter(item["results"].items()))
        shown = subprocess.run([EVAL, "show", report, "--item", item["id"], "--model", model, "--run"], check=True,
                               capture_output=True, text=True).stdout
        text = re.search(r"--- tokens 0 to \d+\n(.*?)\n(?:  +\d+  p |--- result)", shown, re.S).group(1)
        evidence = result["evidence"]
        try:
            left = length - NEW_TOKENS[kind] - evidence["prompt_tokens"]
            unit = evidence["prompt_tokens"] / evidence["size"]
            assert 0 <= left <= 4 * unit + 8, f"{left} tokens are left"
            globals()[kind](name, text, evidence["expected"], evidence["size"], length)
        except AssertionError as e:
            sys.exit(f"not ok {item['id']}: {e}")
    print(f"ok {len(r['items'])} prompts are as RULER's rules say")


def outputs(report, new):
    r, rng = json.load(open(report)), random.Random(1)
    for item in r["items"]:
        for result in item["results"].values():
            parts = [rng.choice([a, a.upper(), a[:-1], "", "\t" + a + "\x01", "É" + a + "é"]) for a in result["evidence"]["expected"]]
            rng.shuffle(parts)
            result["output"] = rng.choice(["", "  ", "\n"]) + rng.choice([" ", "\n", ""]).join(parts)
    json.dump(r, open(new, "w"))


def scores(report):
    n = 0
    for item in json.load(open(report))["items"]:
        for result in item["results"].values():
            said = re.sub(r"[\x00-\x1f]", "\n", result["output"].strip()).strip().lower()
            hits = [1.0 if a.lower() in said else 0.0 for a in result["evidence"]["expected"]]
            right = max(hits) if item["where"]["task"].startswith("qa") else sum(hits) / len(hits)
            if abs(result["score"] - right) > 1e-8:
                sys.exit(f"not ok {item['id']}: score {result['score']}, expected {right}")
            n += 1
    print(f"ok {n} scores of random outputs are RULER's")


if __name__ == "__main__":
    {"prompts": prompts, "outputs": outputs, "scores": scores}[sys.argv[1]](*sys.argv[2:])

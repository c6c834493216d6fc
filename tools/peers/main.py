"""main.py --folder FOLDER [NAME...]: runs comparisons and writes docs/agreement.md; see `run`, which starts it."""
import argparse
import ast
import importlib
import importlib.metadata
import json
import os
import sys
import time

import common
from common import ROOT, Places, Row

# In the order of the page.
COMPARISONS = ["models", "tokens", "choice", "perplexity", "needle", "constrained", "trainer", "real"]
RESULTS = os.path.join(ROOT, "docs", "agreement")
PAGE = RESULTS + ".md"

HEAD = """# Agreement with the originals

Both sides were given the same inputs; a row says by how much their results differ at most. Made by `make peers`, which installs the
originals, runs everything again and writes this page; `tools/peers/run NAME` runs one comparison, `tools/peers/run table` only
makes the page from the results in [agreement/](agreement). Times are on one core.
"""


def result_path(name):
    return os.path.join(RESULTS, name + ".json")


def shown(difference):
    return f"{difference:.0f}" if difference == round(difference) else f"{difference:.2g}"


def run_comparison(name, folder):
    """Runs one comparison; every row is told and kept as soon as it is there, so that an interrupted run leaves what it has."""
    module = importlib.import_module(name)
    rows, started = [], time.monotonic()

    def keep(finished):
        common.write_json(result_path(name), {
            "versions": {p: importlib.metadata.version(p) for p in module.PEERS}
            | {p: common.npm_version(folder, p) for p in getattr(module, "FROM_NPM", ())},
            "finished": finished, "seconds": round(time.monotonic() - started), "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "rows": [vars(row) for row in rows]}, indent="\t")

    for row in module.compare(Places(folder, name)):
        rows.append(row)
        keep(False)
        print(f"{name}: {row.what}, {row.peer}: {shown(row.difference)} {row.unit} ({row.cases} cases)"
              f"{'' if row.holds() else f', MORE THAN {row.allowed:g}'}", file=sys.stderr, flush=True)
    keep(True)
    return all(row.holds() for row in rows)


def read(name):
    """A comparison's result, its rows, and title and note from the docstring of its file, which need not run for it."""
    with open(result_path(name)) as f:
        result = json.load(f)
    with open(os.path.join(os.path.dirname(__file__), name + ".py")) as f:
        title, _, note = ast.get_docstring(ast.parse(f.read())).partition("\n\n")
    return result | {"title": title, "note": note}, [Row(**row) for row in result["rows"]]


def overview(names):
    """A line for each comparison: how many rows hold, and the one nearest to what is allowed."""
    lines = ["| comparison | originals | cases | rows that agree | nearest to its limit | command |", "|---|---|---:|---:|---|---|"]
    for name in names:
        result, rows = read(name)
        judged = [row for row in rows if row.allowed is not None]
        worst = max(judged, key=lambda row: row.difference / (row.allowed or 1), default=None)
        lines.append(f"| {result['title']} | {', '.join(f'{p} {v}' for p, v in result['versions'].items())} | {sum(row.cases for row in rows)} | "
                     f"{sum(row.holds() for row in judged)} of {len(judged)} | "
                     + (f"{worst.what}: {shown(worst.difference)} {worst.unit}, allowed {worst.allowed:g}" if worst else "")
                     + f" | `tools/peers/run {name}` |")
    return "\n".join(lines) + "\n"


def section(name):
    result, rows = read(name)
    lines = [f"## {result['title']}", ""]
    lines += [result["note"], "", f"{result['date']}, {result['seconds']} s{'' if result['finished'] else '; interrupted before its last row'}.", "",
              "| what | beside | cases | largest difference | allowed | |", "|---|---|---:|---:|---:|---|"]
    for row in rows:
        verdict = "" if row.allowed is None else "agrees" if row.holds() else "**differs**"
        allowed = "" if row.allowed is None else f"{row.allowed:g}"
        lines.append(f"| {row.what} | {row.peer} | {row.cases} | {shown(row.difference)} {row.unit} | {allowed} | "
                     + "; ".join(filter(None, [verdict, row.note])) + " |")
    return "\n".join(lines)


def write_page():
    names = [name for name in COMPARISONS if os.path.exists(result_path(name))]
    with open(PAGE + ".part", "w") as f:
        f.write("\n".join([HEAD, overview(names)] + [section(name) + "\n" for name in names]))
    os.replace(PAGE + ".part", PAGE)


def main():
    parser = argparse.ArgumentParser(prog="tools/peers/run")
    parser.add_argument("names", nargs="*", metavar="NAME", help="comparisons (default: all), list, table")
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.names == ["list"]:
        print("\n".join(COMPARISONS))
        return 0
    names = [] if options.names == ["table"] else options.names or COMPARISONS
    unknown = [n for n in names if n not in COMPARISONS]
    if unknown:
        parser.error(f"there is no comparison '{unknown[0]}', expected {', '.join(COMPARISONS)}, list or table")
    os.makedirs(RESULTS, exist_ok=True)
    agreed = [run_comparison(name, options.folder) for name in names]
    write_page()
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())

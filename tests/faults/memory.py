#!/usr/bin/env python3
"""Runs commands under address-space limits from little to enough: no hang, no crash, no wrong report.

    memory.py BUILD [--steps N] [--from MB] [--to MB]

The limits are spread evenly over the logarithm. Right is what an unlimited run writes and prints, or exit 4 with one line, nothing
half written (127 where the system's loader itself has no room for the libraries). Prints, for each command, how many limits led to
what."""
import argparse, collections, json, os, resource, subprocess, sys, tempfile

COMMANDS = {
    "needle": "needle --samples 1 --lengths 256 --depths 0 --needles 1/1 --threads 2 --quiet --fresh --out OUT/r.json",
    "perplexity": "perplexity --samples 2 --length 128 --threads 1 --quiet --fresh --out OUT/r.json",
    "inspect": "inspect models/diff-transformer",
    "table": "table REPORT",
    "report": "report REPORT --out OUT/page.html",
}


def outcome(program, arguments, out, megabytes):
    """(exit code, what was printed, what was written) under a limit; None: none."""
    def limit():
        if megabytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    with tempfile.TemporaryDirectory(dir=out) as folder:
        done = subprocess.run([program] + arguments.replace("OUT", folder).split(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, preexec_fn=limit)
        written = {}
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            if name == "r.json" and done.returncode == 0:
                report = json.loads(data)
                report.pop("run")
                data = json.dumps(report).encode()
            written[name] = data
        return done.returncode, done.stdout.replace(folder.encode(), b"OUT"), written, done.stderr.decode(errors="replace")


def judge(right, got):
    """What came of it: "right", "refused", "no room to load"; or what is wrong."""
    code, printed, written, said = got
    if code == 0:
        return "right" if (code, printed, written) == right[:3] else "wrong: another result"
    kept = [name for name in written if not name.endswith(".journal")]
    if kept:
        return f"wrong: exit {code} leaves {kept[0]}"
    if code == 127 and "shared libraries" in said:
        return "no room to load"
    if code == 4 and len([line for line in said.splitlines() if line.startswith("difftf-eval: ")]) == 1:
        return "refused"
    return f"wrong: exit {code}: {said[-120:]!r}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--from", dest="low", type=int, default=50)
    parser.add_argument("--to", dest="high", type=int, default=2000)
    a = parser.parse_args()
    program = os.path.join(a.build, "difftf-eval")
    limits = [round(a.low * (a.high / a.low) ** (i / max(a.steps - 1, 1))) for i in range(a.steps)]
    bad = 0
    with tempfile.TemporaryDirectory() as out:
        report = os.path.join(out, "base.json")
        subprocess.run([program] + COMMANDS["needle"].replace("OUT/r.json", report).split(), check=True)
        for name, arguments in COMMANDS.items():
            arguments = arguments.replace("REPORT", report)
            right = outcome(program, arguments, out, None)
            counts = collections.Counter()
            for megabytes in limits:
                try:
                    what = judge(right, outcome(program, arguments, out, megabytes))
                except subprocess.TimeoutExpired:
                    what = "wrong: no end"
                if what.startswith("wrong"):
                    bad += 1
                    print(f"not ok {name} in {megabytes} MB: {what[7:]}")
                    what = "wrong"
                counts[what] += 1
            print(f"ok {name}: " + ", ".join(f"{n} {what}" for what, n in counts.most_common()), flush=True)
    sys.exit(bad > 0)


main()

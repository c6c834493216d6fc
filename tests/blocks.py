"""The fenced blocks of a Markdown file, one at a time: python3 tests/blocks.py FILE.md FOLDER

A block whose fence names a file ("```c tasks/copying.c") is written to FOLDER/FILE. The lines of all blocks "```sh" are printed, one
command a line, with the words that follow on the fence before a bar.
"""

import pathlib
import sys


def blocks(path):
    words, lines = None, []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith("```") and words is None:
            words, lines = line[3:].split(), []
        elif line.startswith("```"):
            yield words, lines
            words = None
        elif words is not None:
            lines.append(line)


def main(path, folder):
    for words, lines in blocks(path):
        if words[:1] == ["sh"]:
            for line in "\n".join(lines).replace("\\\n", "").splitlines():
                if line.strip() and not line.startswith("#"):
                    print(" ".join(words[1:]) + "|" + line)
        elif len(words) == 2:
            target = pathlib.Path(folder, words[1])
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")


main(*sys.argv[1:])

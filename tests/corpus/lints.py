"""Runs `ragstar check` on untouched public dbt projects and tells what it says, for a review of false alarms.

    lints.py BIN DEST TRUTH [--rule CODE ...] [--project NAME ...] [--show N] [--seed 1]

In: the program BIN, the corpus DEST and what dbt said of it, TRUTH (see corpus.py). Nothing is written.

Out: for each project the time and how many findings of each code there are, the totals, and with --show up to N examples of each code,
taken at random: project, file:line, message, and the line itself.
"""
import argparse
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

# The repository is no place for compiled Python.
sys.dont_write_bytecode = True

from corpus import check, locks, settings  # noqa: E402


def counts(found):
    return ", ".join(f"{code} {count}" for code, count in Counter(finding["code"] for finding in found).most_common()) or "nothing"


def line_of(folder, finding):
    try:
        return (folder / finding["path"]).read_text(errors="replace").split("\n")[finding["line"] - 1].strip()[:120]
    except (OSError, IndexError):
        return "?"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "dest", "truth"):
        parser.add_argument(name)
    parser.add_argument("--rule", nargs="+", default=[], metavar="CODE")
    parser.add_argument("--project", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    everything, took = [], 0.0
    for name, lock in locks(args.dest, args.project):
        folder = (Path(args.dest) / "projects" / name / lock["sub"]).resolve()
        env, options = settings(name, folder, args.dest, args.truth)
        start = time.monotonic()
        found = check(os.path.abspath(args.bin), env, options)
        seconds = time.monotonic() - start
        # A crash is told whatever is asked for.
        found = [finding for finding in found if not args.rule or finding["code"] in (*args.rule, "crash")]
        print(f"{name:24} {seconds:6.2f} s  {counts(found)}")
        everything += [(name, folder, finding) for finding in found]
        took += seconds
    print(f"{'all':24} {took:6.2f} s  {counts(finding for *_, finding in everything)}")
    for code in sorted({finding["code"] for *_, finding in everything}) if args.show else ():
        of_code = [entry for entry in everything if entry[2]["code"] == code]
        print(f"\n{code}: {len(of_code)}")
        for name, folder, finding in random.Random(args.seed).sample(of_code, min(args.show, len(of_code))):
            print(f"  {name} {finding['path']}:{finding['line']} {finding['message']}\n      | {line_of(folder, finding)}")


if __name__ == "__main__":
    main()

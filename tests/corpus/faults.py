"""Seeds faults into public dbt projects and tells how many of them `ragstar check` tells at the right place.

    faults.py BIN DEST TRUTH [--per-rule 20] [--seed 1] [--rule KIND ...] [--project NAME ...] [--scratch DIR] [--jobs 2]

In: the program BIN, the corpus DEST and what dbt said of it, TRUTH (see corpus.py). Every project is copied once into the scratch folder;
there one fault at a time is made, `check` is run, and the bytes are put back. DEST is never written to.

Out: for each kind `kind  N of M`, below it the faults that weren't told, with the edit and with what was told instead, and at the end
`all: X of Y, P %`. The exit status is 1 below 99 %. A fault is told if a finding with the rule's code stands in the expected file within
the expected lines and didn't stand there before. The kinds of faults are in kinds.py.
"""
import argparse
import concurrent.futures
import difflib
import os
import random
import sys
import tempfile
from collections import Counter

# The repository is no place for compiled Python.
sys.dont_write_bytecode = True

from corpus import Project, key, locks  # noqa: E402
from kinds import KINDS  # noqa: E402


def collect(projects, kinds, per_rule, seed):
    """Cases for each kind, taken from the projects in turn."""
    chosen = []
    for name in kinds:
        order = random.Random(f"{seed} {name}").sample(projects, len(projects))
        streams = [(p, KINDS[name](p, random.Random(f"{seed} {name} {p.name}"))) for p in order]
        cases = []
        while streams and len(cases) < per_rule:
            for stream in streams[:per_rule - len(cases)]:
                case = next(stream[1], None)
                if case is None:
                    streams.remove(stream)
                else:
                    cases.append((name, stream[0], case))
        chosen += cases
    return chosen


def write(project, edits):
    """Writes files (None: takes them away); what was there before, to be written back."""
    before = {}
    for path, text in edits.items():
        file = project.dir / path
        before[path] = file.read_bytes() if file.exists() else None
        if text is None:
            file.unlink()
            # An empty folder among the packages would be a fault of its own.
            while not any((file := file.parent).iterdir()):
                file.rmdir()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return before


def judge(project, case):
    """None if the fault is told, else what is told in its files instead."""
    before = write(project, case.edits)
    try:
        found = project.check()
    finally:
        write(project, before)
    new = Counter(key(finding) for finding in found) - project.base
    fresh = [finding for finding in found if new[key(finding)]]
    for codes, path, first, last in case.places:
        if any(f["code"] in codes and f["path"] == path and first <= f["line"] <= last for f in fresh):
            return None
    paths = {"", *case.edits, *(path for _, path, _, _ in case.places)}
    return [f"{f['path']}:{f['line']} {f['code']}: {f['message'][:160]}" for f in fresh if f["path"] in paths][:4]


def changes(project, case):
    """The fault as a person would write it down."""
    for path, text in case.edits.items():
        old, new = ((side.decode(errors="replace") if isinstance(side, bytes) else side or "").splitlines() for side in (project.text(path), text))
        yield from [path, *(line for line in difflib.unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++")))][:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "dest", "truth"):
        parser.add_argument(name)
    parser.add_argument("--per-rule", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rule", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    parser.add_argument("--project", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--scratch")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        args.scratch, args.bin = os.path.abspath(args.scratch or scratch), os.path.abspath(args.bin)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            projects = list(pool.map(lambda lock: Project(*lock, args), locks(args.dest, args.project)))
            cases = collect(projects, args.rule, args.per_rule, args.seed)
            # One fault at a time in one copy; the largest first.
            order = sorted(projects, key=lambda project: -len(project.manifest["nodes"]))
            parts = pool.map(lambda project: [(*case, judge(project, case[2])) for case in cases if case[1] is project], order)
            results = [result for part in parts for result in part]
    for name in args.rule:
        own = [result for result in results if result[0] == name]
        print(f"{name:24} {sum(missed is None for *_, missed in own):3} of {len(own):3}")
        for _, project, case, missed in own:
            if missed is not None:
                print(f"    {project.name}: expected", *(f"{'/'.join(codes)} {path}:{first}-{last}" for codes, path, first, last in case.places[:3]))
                print(*(f"        {line}" for line in changes(project, case)), *(f"      instead {line}" for line in missed), sep="\n")
    good = sum(missed is None for *_, missed in results)
    share = 100 * good / max(1, len(results))
    print(f"all: {good} of {len(results)}, {share:.2f} %")
    return 0 if share >= 99 else 1


if __name__ == "__main__":
    sys.exit(main())

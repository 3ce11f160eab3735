"""Has descriptions written into, changed in and taken out of public dbt projects, and tells every other line that changed with them.

    descriptions.py BIN DEST TRUTH [--project NAME ...] [--seed 1] [--jobs 2] [--entries 100] [--scratch FOLDER] [--show 3]
                    [--peer FOLDER ...]

In: the program BIN, the corpus DEST and what dbt said of it, TRUTH (see corpus.py). Copies of the projects are made in the scratch folder;
DEST is not written to. A server in this script plays the language model: it gives each name that it is asked for a text that is hard to
write in YAML, another in each round.

Three rounds in each copy, in turn:
    add     `docs generate`: what has no description gets one,
    change  `docs accept --existing`, all drafts made out of date, `docs generate --stale`: what has one gets another,
    remove  all drafts made out of date once more, `docs reject`: what is a draft goes, or gives way to the text that it took the place of.
Of a project with more models, seeds, snapshots and tables of sources than `--entries` (0: no limit), so many are taken at random, and the
sources of those tables.
After each, every file of the copy is compared with what it was, by the places that PyYAML gives for the pairs and entries in it:
    lines       what is left of a file without the descriptions and entries that the round was to write must be the same, byte for byte; each
                line that isn't is one *not asked for*. Blank lines between entries belong to the entry below. Files that PyYAML can't read
                are compared by their lines: what is inserted has to look like part of a description or of an entry.
    values      what PyYAML reads must be the same but for descriptions and entries of names and descriptions that are new, each of them
                told by the program, and all that the program tells must be read back as the text that was sent. Ends of lines, the mark at
                the beginning of a file and the end of its last line stay as they are. All else is a *mismatch*.
    errors      `check` must tell no error that it didn't tell before.

Out: for each project the files changed, the descriptions added, changed, removed and refused (with the most frequent reasons), and what was
wrong, with examples; at the end the totals. With --peer, the folders of `dbt` and of `dbt-osmosis`, `dbt-ditto` or both, also how many lines
beside descriptions change where `dbt-osmosis yaml document` and `dbt-ditto inherit` take descriptions over in osmosis_demo, told to do nothing else.

Exit status 1 if any line was not asked for, or anything was a mismatch, an error or a failure.
"""
import argparse
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

# The repository is no place for compiled Python.
sys.dont_write_bytecode = True

from corpus import Loader, Project, get, key, keys, locks, named  # noqa: E402

TEXTS = (
    "yes", "No", "on", "Off", "y", "null", "Null", "~ tilde", "0777", "0o17", "0x1F", "0b11", "1e3", "1_000", ".5", "-1", "+7", "1.", ".inf", "-.Inf", ".nan",
    "12:30", "1:2:3", "190:20:30", "2024-01-02", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05", "a: b", "a #b", "#hash", "it's", "'quoted'", "'half",
    "say \"hi\"", "\"dq\"", "\"half", "- dash", "-dash", "-- two", "--- three", "... dots", "* star", "*star", "& and", "&and", "! bang", "!bang", "!!str x",
    "% percent", "%YAML 1.1", "@ at", "[x], y", "[x]", "x]", "}brace", "}", "ends:", "ends: ", ": begins", ":begins", "é ü 😀 漢字", "= equals", "=", "<< merge",
    "<<", "? q", "?q", "| pipe", "|-", "> gt", ">", "back\\slash", "\\n no newline \\", "trailing comma,", ", leading comma", "a, b: c, d", "a {b} c", "a } b",
    "x { at no beginning", "true", "False", "a\u200bb", "mark \ufeff inside", "bell \x07 and \x1b and \x7f", "none \ufffe \uffff", "👩\u200d👩\u200d👧 family",
    "\u202eright to left", "key: 'a' # \"b\"", "a:b", "http://a.b/c#d", "100%", "a\\", "'", "''x''", "\"\"x", "x\"", "x'", "x: \"y", "- a: b", "? a : b",
    "One row for each order: the newest one wins # and it's \"final\", as they say; " * 4 + "the end.",
    "A sentence that is so long that most who write YAML by hand would break it, which makes no difference to what is read, since it is one line of "
    "text in the end, whatever was done to it, and however often it was wrapped, folded or quoted by those who wrote it down, one after the other, over "
    "the years.",
    "wörter " * 60 + "ende", "x" * 300, "a: " * 100 + "b", "word # " * 40 + "end", "it's " * 80 + "end",
)
SECTIONS = {"model": "models", "seed": "seeds", "snapshot": "snapshots", "source": "sources", "analysis": "analyses", "macro": "macros", "test": "data_tests",
            "unit_test": "unit_tests", "exposure": "exposures", "metric": "metrics", "semantic_model": "semantic_models", "saved_query": "saved_queries"}
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
ROUNDS = ("add", "change", "remove")
PEERS = ("dbt-osmosis", "dbt-ditto")


# --- The language model ---------------------------------------------------------------------------------------------------------

class Writer(BaseHTTPRequestHandler):
    """POST /SEED/v1/chat/completions: streams a call with a text for each name that the request asks for."""

    protocol_version = "HTTP/1.1"
    # What was sent, with white space squeezed, by seed.
    sent = defaultdict(set)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = request["messages"][1]["content"]
        asked = asked[asked.rfind("Write the description of"):]
        names = dict.fromkeys(name for name in asked.split("`")[1::2] if name != "write_descriptions")
        seed = self.path.split("/")[1]
        texts = [{"name": name, "description": text_for(seed, asked, name, len(request["messages"]))} for name in names]
        self.sent[seed].update(" ".join(text["description"].split()) for text in texts)
        arguments = json.dumps({"descriptions": texts}, ensure_ascii=False)
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write_descriptions", "arguments": arguments}}
        events = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
                  {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads it."""


def text_for(*what):
    """A text of those that are hard to write, sometimes two of them; the same for the same question."""
    rng = random.Random("\0".join(map(str, what)))
    text = rng.choice(TEXTS)
    if len(text) < 100 and rng.random() < 0.3:
        text += " " + rng.choice([other for other in TEXTS if len(other) < 100])
    return text


# --- What changed in a file -----------------------------------------------------------------------------------------------------

class Yaml:
    """A text of YAML with its tree and the ranges of it that a round may write."""

    def __init__(self, text):
        self.text, self.mark = text, int(text.startswith("\ufeff"))
        self.starts = [self.mark] + [m.end() for m in BREAK.finditer(text)]
        self.cuts = set()
        try:
            self.root = yaml.compose(text[self.mark:], Loader)
            self.is_read = True
        except (yaml.YAMLError, RecursionError) as error:
            self.root, self.is_read, self.error = None, False, " ".join(str(error).split())

    def at(self, mark):
        return self.starts[mark.line] + mark.column

    def start(self, node):
        return self.at(node.start_mark)

    def end(self, node):
        """Where the content of a node ends, without blank lines and comments behind it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return max(map(self.end, last)) if isinstance(last, tuple) else self.end(last)
        end = self.at(node.end_mark)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            end = self.start(node) + len(self.text[self.start(node):end].rstrip())
        return end

    def value(self, node):
        return self.text[self.start(node):self.end(node)]

    def line_start(self, at):
        return max(self.text.rfind("\n", 0, at) + 1, self.mark)

    def line_end(self, at):
        """The end of a line with its line break."""
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end + 1

    def cut(self, start, end):
        self.cuts.add((start, end))

    def cut_lines(self, start, end, is_entry):
        """Whole lines; those of an entry with a blank line above."""
        start, end = self.line_start(start), self.line_end(end)
        above = self.line_start(max(start - 1, self.mark))
        if is_entry and above < start and not self.text[above:start].strip():
            start = above
        self.cut(start, end)

    def cut_pair(self, mapping, number, is_entry=False):
        """A key with its value and what separates them from the rest."""
        (k, v), following = mapping.value[number], mapping.value[number + 1:]
        start, end = self.start(k), max(self.end(v), self.end(k))
        if mapping.flow_style and number:
            self.cut(max(map(self.end, mapping.value[number - 1])), end)
        elif mapping.flow_style or self.text[self.line_start(start):start].strip():
            self.cut(start, self.start(following[0][0]) if following else end)
        else:
            self.cut_lines(start, end, is_entry)

    def cut_item(self, sequence, number):
        item = sequence.value[number]
        start, end = self.start(item), self.end(item)
        if not sequence.flow_style:
            self.cut_lines(self.text.rfind("-", 0, start), end, True)
        elif number:
            self.cut(self.end(sequence.value[number - 1]), end)
        else:
            self.cut(start, self.start(sequence.value[1]) if len(sequence.value) > 1 else end)

    def rest(self):
        """The text without what was cut, as lines."""
        kept, at = [], 0
        for start, end in sorted(self.cuts):
            kept.append(self.text[at:max(start, at)])
            at = max(at, end)
        rest = "".join(kept + [self.text[at:]])
        if self.cuts and at == len(self.text) and not self.text.endswith("\n"):
            # The line before has become the last one, and ends as that.
            rest = re.sub("\r?\n$", "", rest)
        return rest.splitlines(keepends=True)


def is_empty(node):
    return isinstance(node, yaml.ScalarNode) and (node.tag.endswith(":null") or not node.value) or isinstance(node, yaml.CollectionNode) and not node.value


def shape(node, known=()):
    """A node as something to compare."""
    if id(node) in known:
        return "…"
    known = (*known, id(node))
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value
    if isinstance(node, yaml.MappingNode):
        return node.tag, tuple((shape(k, known), shape(v, known)) for k, v in node.value)
    return node.tag, tuple(shape(item, known) for item in node.value)


def identity(node):
    """What an item of a list goes by."""
    if isinstance(node, yaml.MappingNode):
        if isinstance(name := get(node, "name") or get(node, "v"), yaml.ScalarNode):
            return name.value
    return shape(node)


class Walk:
    """Walks what a file was and what it is side by side; cuts what a round may write and tells what else differs."""

    def __init__(self, before, after, round):
        self.before, self.after, self.round = before, after, round
        # Places (`models`, name, `columns`, name) with what is written there now.
        self.added, self.changed, self.removed, self.wrong, self.seen = [], [], [], [], set()
        self.both(before.root, after.root, ())

    def tell(self, why, where, node):
        self.wrong.append(f"{why} at {'.'.join(map(str, where)) or 'the root'}, line {node.start_mark.line + 1}")

    def both(self, before, after, where):
        if (id(before), id(after)) in self.seen:
            return
        self.seen.add((id(before), id(after)))
        if isinstance(before, yaml.MappingNode) and isinstance(after, yaml.MappingNode):
            self.mappings(before, after, where)
        elif isinstance(after, yaml.SequenceNode) and (isinstance(before, yaml.SequenceNode) or is_empty(before)):
            self.sequences(before, after, where)
        elif (before.tag, before.value) != (after.tag, after.value):
            self.tell(f"{before.value!r:.60} has become {after.value!r:.60}", where, after)

    def mappings(self, before, after, where):
        names = [shape(k) for k, _ in before.value]
        at = 0
        for number, (k, v) in enumerate(after.value):
            if self.round == "remove":
                while at < len(names) and names[at] != shape(k) and before.value[at][0].value == "description":
                    self.gone(before, at, where)
                    at += 1
            if at < len(names) and names[at] == shape(k):
                old = before.value[at][1]
                if k.value == "description" and (shape(old) != shape(v) or self.round != "add" and self.before.value(old) != self.after.value(v)):
                    self.other(before.value[at], (k, v), where)
                else:
                    self.both(old, v, (*where, k.value))
                at += 1
            elif self.round != "remove" and k.value == "description" and isinstance(v, yaml.ScalarNode):
                self.after.cut_pair(after, number)
                self.added.append((where, text_of(v)))
            elif (hidden := merged(after, k.value)) and not is_empty(hidden):
                return self.tell(f"the key {k.value!r:.60} hides what `<<` brings", where, k)
            elif self.round == "add" and isinstance(v, yaml.SequenceNode) and (k.value == "columns" or not where and k.value in SECTIONS.values()):
                self.after.cut_pair(after, number, True)
                for item in v.value:
                    self.new(item, (*where, k.value))
            else:
                return self.tell(f"the key {k.value!r:.60} is new", where, k)
        while self.round == "remove" and at < len(names) and before.value[at][0].value == "description":
            self.gone(before, at, where)
            at += 1
        if at < len(names):
            self.tell(f"the key {before.value[at][0].value!r:.60} is gone", where, after)

    def sequences(self, before, after, where):
        old, at = before.value if isinstance(before, yaml.SequenceNode) else [], 0
        if not old and not isinstance(before, yaml.ScalarNode) and after.value and not after.flow_style:
            # `[]` has become a list below its key.
            start = len(self.before.text[:self.before.start(before)].rstrip())
            self.before.cut(start, self.before.end(before))
        for number, item in enumerate(after.value):
            if at < len(old) and identity(old[at]) == identity(item):
                name = named(item) if isinstance(item, yaml.MappingNode) else None
                name = name or getattr(get(item, "v"), "value", None)
                self.both(old[at], item, (*where, name or number))
                at += 1
            elif self.round == "add":
                self.after.cut_item(after, number)
                self.new(item, where)
            else:
                return self.tell("an entry is new", where, item)
        if at < len(old):
            self.tell(f"the entry {str(identity(old[at]))[:60]} is gone", where, after)

    def other(self, before, after, where):
        """Another description."""
        if not isinstance(before[1], yaml.ScalarNode) or not isinstance(after[1], yaml.ScalarNode):
            return self.tell("a description is no text", where, after[1])
        for side, (k, v) in ((self.before, before), (self.after, after)):
            side.cut(side.end(k), side.end(v))
        if is_empty(before[1]):
            self.added.append((where, text_of(after[1])))
        elif self.round != "add":
            # What is rejected gives way to what stood there before it.
            self.changed.append((where, text_of(after[1])))
        else:
            self.tell("a description was written over", where, after[1])

    def gone(self, before, number, where):
        self.before.cut_pair(before, number)
        self.removed.append((where, None))

    def new(self, item, where):
        """An entry that wasn't there: it has a name and a description, or columns that have."""
        if not isinstance(item, yaml.MappingNode) or not named(item) or keys(item) - {"name", "description", "columns"}:
            return self.tell("a new entry holds more than descriptions", where, item)
        where = (*where, named(item))
        for k, v in item.value:
            if k.value == "description":
                self.added.append((where, text_of(v)))
            elif k.value == "columns":
                for column in v.value:
                    self.new(column, (*where, "columns"))


def merged(mapping, name):
    """What `<<` brings into a mapping under a key."""
    for k, v in mapping.value:
        for one in (v.value if isinstance(v, yaml.SequenceNode) else [v]) if k.value == "<<" else ():
            if isinstance(one, yaml.MappingNode) and (found := get(one, name) or merged(one, name)):
                return found
    return None


def text_of(node):
    """What PyYAML reads, if that is a text."""
    return node.value if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str" else node


def differing(before, after):
    """The lines that two lists of lines differ in, as a diff has them."""
    first = next((n for n, (one, other) in enumerate(zip(before, after)) if one != other), min(len(before), len(after)))
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old, new = before[first:len(before) - last], after[first:len(after) - last]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from (f"-{line!r}" for line in old[a:b])
            yield from (f"+{line!r}" for line in new[c:d])


def by_lines(before, after, round):
    """Lines not asked for in a file that PyYAML can't read."""
    def in_descriptions(lines):
        inside, found = None, []
        for line in lines:
            indent = len(line) - len(line.lstrip(" "))
            if inside is not None and line.strip() and indent <= inside:
                inside = None
            if match := re.match(r"([ -]*)[\"']?description[\"']?:", line):
                inside = len(match[1])
            found.append(inside is not None)
        return found
    old, new = in_descriptions(before), in_descriptions(after)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            is_empty_one = all(re.fullmatch(r"\s*(- )?description:\s*(''|\"\")?\s*", line) for line in before[a:b])
            yield from (f"-{line!r}" for line, may in zip(before[a:b], old[a:b]) if not may or round == "add" and not is_empty_one)
            entry = r"\s*(- name: .*|name: .*|columns:|\w+:|)\s*" if round == "add" else r"(?!)"
            yield from (f"+{line!r}" for line, may in zip(after[c:d], new[c:d]) if not may and not re.fullmatch(entry, line))


def breaks(text):
    """How lines end, whether the last one does, and the mark at the beginning."""
    ends = {m.group() for m in re.finditer("\r?\n", text)}
    return ends, text.endswith("\n"), text.startswith("\ufeff")


class Change:
    """What a round did to one file."""

    def __init__(self, path, before, after, round):
        self.path, self.stray, self.wrong, self.added, self.changed, self.removed = path, [], [], [], [], []
        if after is None or path.suffix not in (".yml", ".yaml"):
            self.stray = [f"the file was {'taken away' if after is None else 'written to'}"]
            return
        try:
            self.compare((before or b"").decode(), after.decode(), before is None, round)
        except UnicodeDecodeError as error:
            self.stray = [f"not UTF-8: {error}"]

    def compare(self, before, after, is_made, round):
        if before.strip() and any(one - other if isinstance(one, set) else one != other for one, other in zip(breaks(after), breaks(before))):
            self.wrong.append(f"line ends, the end or the mark were {breaks(before)}, now {breaks(after)}")
        old, new = Yaml(before or "{}"), Yaml(after)
        if not old.is_read:
            self.stray = list(by_lines(before.splitlines(keepends=True), after.splitlines(keepends=True), round))
            return
        if not new.is_read:
            self.wrong.append(f"it can't be read any more: {new.error}")
            self.stray = list(by_lines(before.splitlines(keepends=True), after.splitlines(keepends=True), round))
            return
        if old.root is None or not before.strip():
            # Nothing but comments, or nothing: a version, if there was no file, and entries.
            made = [k.value for k, _ in new.root.value]
            if made[:1] == ["version"]:
                new.cut(0 if is_made else new.line_start(new.start(new.root.value[0][0])), new.line_end(new.end(new.root.value[0][1])))
                new.root.value = new.root.value[1:]
            text, old = before, Yaml("{}")
            walk = Walk(old, new, round)
            old.text, old.cuts = text, set()
        else:
            walk = Walk(old, new, round)
        self.added, self.changed, self.removed = walk.added, walk.changed, walk.removed
        self.wrong += walk.wrong
        self.stray = list(differing(old.rest(), new.rest()))


# --- A project ------------------------------------------------------------------------------------------------------------------

def place(unique_id, column):
    """Where an entry is to be found: the way of names to it."""
    kind, _, *names = unique_id.split(".")
    if kind == "source":
        # Without a table it is the source as a whole.
        where = ("sources", names[0], *(("tables", ".".join(names[1:])) if names[1:] else ()))
    else:
        where = (SECTIONS.get(kind, kind), ".".join(names))
    return (*where, "arguments" if kind == "macro" else "columns", column.lower()) if column else where


def as_written(where):
    """A place as it is where the source's name is made by Jinja."""
    return (where[0], "{{ … }}", *where[2:]) if where[0] == "sources" else where


def of_model(where):
    """A version's place as its model's: what isn't under `versions` stands there."""
    return (where[0], re.sub(r"\.v\w+$", "", where[1]), *where[2:])


def normal(where):
    """The same, of a place in a file; of a version's the model's."""
    if "versions" in where:
        at = where.index("versions")
        where = (*where[:at - 1], f"{where[at - 1]}.v{where[at + 1]}", *where[at + 2:])
    if where[0] == "sources" and len(where) > 1 and "{{" in str(where[1]):
        where = as_written(where)
    return (*where[:-1], str(where[-1]).lower()) if "columns" in where or "arguments" in where else where


DOCS = re.compile(rb"({%-?\s*docs\s+\w+\s*-?%})(.*?)({%-?\s*enddocs\s*-?%})", re.S)


def plain(text):
    """A text as it counts: of a docs block its name."""
    called = re.fullmatch(r"\s*{{\s*doc\(\s*(?:['\"]\w+['\"]\s*,\s*)?['\"](\w+)['\"]\s*\)\s*}}\s*", str(text))
    return f"docs block {called[1]}" if called else text


class Described(Project):
    """A copy of a project that descriptions are written into."""

    def __init__(self, name, lock, args, port):
        self.findings = []
        super().__init__(name, lock, args)
        self.env = {name: value for name, value in self.env.items() if not name.startswith(("LLM_", "RAGSTAR_"))}
        self.env.update(RAGSTAR_DATA_DIR=f"{self.home}.data", RAGSTAR_CACHE_DIR=f"{self.home}.cache", LLM_CHAT_MODEL="scripted", NO_PROXY="127.0.0.1")
        for folder in (self.env["RAGSTAR_DATA_DIR"], self.env["RAGSTAR_CACHE_DIR"]):
            shutil.rmtree(folder, ignore_errors=True)
        self.port, self.seed, self.failures = port, args.seed, []
        self.lines, self.wrong, self.errors = [], [], []
        self.counts, self.refused, self.files = Counter(), Counter(), set()
        self.selection = self.sample(args.entries)

    def check(self):
        self.findings = super().check()
        return self.findings

    def sample(self, limit):
        """What the program is asked about: nothing said is everything."""
        own = [node for node in self.manifest["nodes"].values() if node["package_name"] == self.package]
        names = {node["name"] for node in own if node["resource_type"] in ("model", "seed", "snapshot")}
        sources = [node for node in self.manifest["sources"].values() if node["package_name"] == self.package]
        names |= {f"source:{node['source_name']}.{node['name']}" for node in sources}
        return random.Random(f"{self.seed} {self.name}").sample(sorted(names), limit) if 0 < limit < len(names) else []

    def new_errors(self, round):
        known = Counter(key(finding) for finding in self.findings)
        found = self.check()
        fresh = [f for f in found if (f.get("severity") == "error" or f["code"] == "crash") and not known[key(f)]]
        self.errors += [f"{round}: {f['path']}:{f['line']} {f['code']}: {f['message'][:160]}" for f in fresh]

    def bytes(self):
        """What each file holds."""
        found = {}
        for at, _, files in os.walk(self.home):
            for file in (Path(at) / name for name in files):
                if not file.is_symlink():
                    found[file.relative_to(self.home)] = file.read_bytes()
        return found

    def asks(self, round):
        return f"{self.seed}-{self.name}-{round}"

    def run(self, round, *words):
        self.env["LLM_CHAT_BASE_URL"] = f"http://127.0.0.1:{self.port}/{self.asks(round)}/v1"
        try:
            done = subprocess.run([self.program, "docs", *words, *self.options, *self.selection], env=self.env, capture_output=True, text=True, timeout=1800)
        except subprocess.TimeoutExpired as error:
            self.failures.append(f"{round}: {error}")
            return "", ""
        told = [line for line in done.stderr.splitlines() if line.strip()]
        for line in told if words[0] != "generate" else ():
            if match := re.fullmatch(r"  .*?: (.*)", line):
                self.refuse(round, match[1])
        if "panicked" in done.stderr or done.returncode not in (0, 1) or done.returncode and not done.stdout:
            self.failures.append(f"{round}: docs {' '.join(words)}: exit status {done.returncode}: {' / '.join(told[-3:])}")
        return done.stdout, done.stderr

    def refuse(self, round, why):
        self.refused[f"{round}: " + re.sub(r"`[^`]*`", "`…`", why)] += 1

    def age(self):
        """Makes all drafts out of date; the places that they are of."""
        places = set()
        for file in (Path(self.env["RAGSTAR_DATA_DIR"]) / "drafts").glob("*.jsonl"):
            lines = [json.loads(line) for line in file.read_text().split("\n") if line]
            for line in lines:
                line["described"] = line["described"] and "00"
                places.add(place(line["unique_id"], line.get("column")))
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return places

    def read_back(self):
        """The descriptions of all entries as PyYAML reads them, by place."""
        found, unread = defaultdict(list), 0
        for file in (file for file in self.dir.rglob("*") if file.suffix in (".yml", ".yaml") and file.is_file()):
            try:
                root = yaml.load(file.read_bytes().decode().lstrip("\ufeff"), Loader)
            except (yaml.YAMLError, UnicodeDecodeError, ValueError):
                unread += 1
                continue
            for section in SECTIONS.values():
                collect(root.get(section) if isinstance(root, dict) else None, (section,), found)
        return found, unread

    def generate(self, round, *words):
        """What the program says that it wrote: texts by place."""
        out, _ = self.run(round, "generate", "--jobs", "8", "--json", *words)
        try:
            said = json.loads(out)
        except json.JSONDecodeError:
            self.failures.append(f"{round}: docs generate wrote no JSON: {out[:100]!r}")
            return {}
        if said["stopped"] or said["left"]:
            self.failures.append(f"{round}: stopped: {said['stopped']}, {said['left']} left")
        for entry in said["refused"]:
            self.refuse(round, entry["why"])
        own = {entry["text"] for entry in said["written"] if entry["origin"] == "by scripted"}
        self.wrong += [f"{round}: {text!r:.90} was never sent" for text in own - Writer.sent[self.asks(round)]]
        written = {place(entry["uniqueId"], entry["column"]): entry["text"] for entry in said["written"]}
        back, unread = self.read_back()
        for where, text in written.items():
            read = back[where] or back[of_model(where)] or back[as_written(where)]
            if any(str(plain(one)).startswith("docs block") for one in read) and not str(plain(text)).startswith("docs block"):
                # The block is edited instead, in its file.
                self.counts["in docs blocks"] += 1
            elif plain(text) not in map(plain, read) and (read or not unread):
                self.wrong.append(f"{round}: {'.'.join(where)} was sent {text!r:.90}, is read as {read!r:.120}")
            elif plain(text) not in map(plain, read):
                self.counts["unread"] += 1
        return written

    def rounds(self):
        for round in ROUNDS:
            before, count = self.bytes(), None
            if round == "add":
                self.original, _ = self.read_back()
                written = self.generate(round)
            elif round == "change":
                # What gives way to a draft, too, may be put back: what was taken over from elsewhere.
                for where, texts in self.read_back()[0].items():
                    self.original[where] += texts
                self.run(round, "accept", "--existing")
                self.age()
                written = self.generate(round, "--stale")
            else:
                written = dict.fromkeys(self.age())
                out, _ = self.run(round, "reject")
                count = re.search(r"(\d+) descriptions rejected", out)
            self.compare(before, self.bytes(), round, written, count)
            if round != "remove":
                self.new_errors(round)
        return self

    def compare(self, before, after, round, written, count):
        removed, told, has_docs = 0, defaultdict(set), False
        for where, text in written.items():
            told[where].add(text)
            told[of_model(where)].add(text)
            told[as_written(where)].add(text)
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) == after.get(path):
                continue
            if path.suffix == ".md" and DOCS.sub(rb"\1\3", before.get(path, b"")) == DOCS.sub(rb"\1\3", after.get(path, b"")):
                self.files.add(path)
                has_docs = True
                continue
            change = Change(path, before.get(path), after.get(path), round)
            self.files.add(path)
            self.lines += [f"{round}: {path}: {line}" for line in change.stray]
            self.wrong += [f"{round}: {path}: {why}" for why in change.wrong]
            for kind in ("added", "changed", "removed"):
                self.counts[kind] += len(getattr(change, kind))
            self.counts["added to sources as a whole"] += sum(where[0] == "sources" and len(where) == 2 for where, _ in change.added)
            removed += len(change.removed) + (len(change.changed) if round == "remove" else 0)
            for where, text in change.added + change.changed + change.removed:
                if normal(where) not in told:
                    self.wrong.append(f"{round}: {path}: {'.'.join(map(str, where))} was not told")
                elif round == "remove" and text is not None and plain(text) not in map(plain, self.original[normal(where)]):
                    self.wrong.append(f"{round}: {path}: {'.'.join(map(str, where))} is {text!r:.90}, was {self.original[normal(where)]!r:.90}")
                elif round != "remove" and text not in told[normal(where)]:
                    self.wrong.append(f"{round}: {path}: {'.'.join(map(str, where))} is {text!r:.90}, told as {told[normal(where)]!r:.90}")
        # Of a docs block nobody can tell how many descriptions it is.
        if count and int(count[1]) != removed and not has_docs:
            self.wrong.append(f"{round}: {count[1]} were told to be taken out, {removed} are")


def collect(entries, where, found):
    """Puts the descriptions of entries and of what is below them into `found`, by place."""
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or not (name := entry.get("name", entry.get("v"))):
            continue
        own = (*where, str(name))
        if "description" in entry:
            found[normal(own)].append(entry["description"])
        for below in ("columns", "arguments", "tables", "versions"):
            collect(entry.get(below), (*own, below), found)


def report(project, show, seconds):
    """One line, and what is wrong."""
    counts = ", ".join(f"{kind} {project.counts[kind]}" for kind in ("added", "changed", "removed"))
    reasons = "; ".join(f"{count} {why[:110]}" for why, count in project.refused.most_common(3))
    print(f"{project.name:24} {len(project.files)} files, {counts}, refused {sum(project.refused.values())}{f' ({reasons})' if reasons else ''}, "
          f"lines not asked for {len(project.lines)}, mismatches {len(project.wrong)}, new errors {len(project.errors)}, {seconds:.0f} s")
    for kind in ("failures", "lines", "wrong", "errors"):
        for example in getattr(project, kind)[:show]:
            print(f"    {kind}: {example[:400]}")
    sys.stdout.flush()


def peer(name, tools, args):
    """What another tool changes when it is told to take over descriptions only: files, descriptions, other lines."""
    (lock,) = locks(args.dest, ["osmosis_demo"])
    home, profiles = Path(args.scratch) / "peer", Path(args.scratch) / "peer.profiles"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(Path(args.dest) / "projects" / lock[0], home)
    profiles.mkdir(exist_ok=True)
    (profiles / "profiles.yml").write_text(yaml.dump({"jaffle_shop": {"target": "dev", "outputs": {"dev": {
        "type": "duckdb", "schema": "dev", "path": str(profiles / "peer.duckdb")}}}}))
    (profiles / "ditto.yml").write_text(yaml.dump({
        "projects": [{"path": str(home / lock[1]["sub"])}],
        "inheritance": {"meta": False, "tags": False, "progenitor": False},
        "columns": {"add_missing": False, "remove_stale": False, "data_types": False, "order": "yaml"},
        "organize": {"enabled": False}}))
    only = [f"--skip-{what}" for what in ("merge-meta", "add-tags", "add-data-types", "add-columns", "add-source-columns")]
    words = {"dbt-osmosis": ["yaml", "document", "--profiles-dir", profiles, *only], "dbt-ditto": ["inherit", "--config", profiles / "ditto.yml"]}[name]
    run = {"cwd": home / lock[1]["sub"], "env": {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "False"}, "capture_output": True, "timeout": 300}
    # dbt-ditto reads what dbt says of the warehouse, dbt-osmosis asks the warehouse itself.
    for made in (["build"], ["docs", "generate"]):
        subprocess.run([tools["dbt"], *made, "--profiles-dir", profiles], **run)
    files = {file: file.read_bytes() for file in home.rglob("*.yml") if file.is_file() and "target" not in file.parts}
    subprocess.run([tools[name], *words], check=True, **run)
    # A description that it writes over is one, too: only `wrong` tells of it.
    changes = [Change(file.relative_to(home), text, file.read_bytes(), "add") for file, text in files.items() if file.read_bytes() != text]
    lines = [f"{change.path}: {line}" for change in changes for line in change.stray]
    print(f"{name:24} {len(changes)} files, added {sum(len(change.added) for change in changes)}, lines not asked for {len(lines)}")
    print(*(f"    lines: {line}" for line in lines[:args.show]), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "dest", "truth"):
        parser.add_argument(name)
    parser.add_argument("--project", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--entries", type=int, default=100)
    parser.add_argument("--scratch")
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("--peer", nargs="+", default=[], metavar="FOLDER")
    args = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Writer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def one(lock):
        start = time.monotonic()
        try:
            return Described(*lock, args, server.server_port).rounds(), time.monotonic() - start
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            print(f"{lock[0]:24} failed: {error} {getattr(error, 'stderr', b'')!r:.300}")
            return None

    totals, is_good = Counter(), True
    with tempfile.TemporaryDirectory() as scratch:
        args.scratch, args.bin = os.path.abspath(args.scratch or scratch), os.path.abspath(args.bin)
        with ThreadPoolExecutor(args.jobs) as pool:
            for done in as_completed([pool.submit(one, lock) for lock in locks(args.dest, args.project)]):
                if (done := done.result()) is None:
                    is_good = False
                    continue
                project, seconds = done
                report(project, args.show, seconds)
                totals.update(files=len(project.files), **project.counts, refused=sum(project.refused.values()))
                totals.update({"lines not asked for": len(project.lines), "mismatches": len(project.wrong), "new errors": len(project.errors)})
                is_good = is_good and not (project.lines or project.wrong or project.errors or project.failures)
        folders = [Path(folder).absolute() for folder in args.peer]
        tools = {name: folder / name for name in ("dbt", *PEERS) for folder in folders if (folder / name).is_file()}
        for name in (name for name in PEERS if name in tools):
            try:
                peer(name, tools, args)
            except (KeyError, subprocess.SubprocessError, OSError) as error:
                print(f"{name:24} failed: {error!r}")
    print("all:", ", ".join(f"{name} {count}" for name, count in totals.items()))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

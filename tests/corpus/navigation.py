#!/usr/bin/env python3
"""navigation.py BIN DEST TRUTH [NAME …]: where the language server's navigation leads, against dbt's own manifest.

DEST is a folder of dbt projects: lock.json (NAME -> {"sub": folder}), projects/NAME/<sub> with packages in dbt_packages/, profiles/NAME.
TRUTH holds NAME.json.gz (facts of dbt's manifest: nodes, sources, macros, docs with their paths and what they depend on) and NAME.env.json
(the environment and vars of that parse).

Every literal `ref`, `source`, macro call, `doc` and `var` of the project's own files is found by patterns of this script, which know nothing of
the server. Where the manifest says that the node depends on it, definition has to land on the file (and the line) that the manifest names, and
hover has to name it. Then, from each target of a name that only one thing has, references have to be exactly the places found: none lacking,
none in excess. Prints a line for each project and the first differences of each kind; exit status 1 if there are any.
"""
import bisect, collections, gzip, json, os, re, subprocess, sys, time, urllib.parse
from pathlib import Path

import yaml

# The repository is no place for compiled Python.
sys.dont_write_bytecode = True

from corpus import JINJA_COMMENT, blank, locks, settings  # noqa: E402

QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
TAG = re.compile(rf"\{{\{{(?:{QUOTED}|[^'\"])*?\}}\}}|\{{%(?:{QUOTED}|[^'\"])*?%\}}|\{{\{{.*?\}}\}}|\{{%.*?%\}}", re.S)
STRING = re.compile(QUOTED, re.S)
REF = re.compile(r"""(?<![\w.])(?:builtins\.)?ref\s*\(\s*(['"])([^'"]+)\1\s*(?:,\s*(['"])([^'"]+)\3\s*)?(?:,\s*\w+\s*=\s*[^)]*)?\)""")
SOURCE = re.compile(r"""(?<![\w.])(?:builtins\.)?source\s*\(\s*(['"])([^'"]+)\1\s*,\s*(['"])([^'"]+)\3\s*\)""")
DOC = re.compile(r"""(?<![\w.])doc\s*\(\s*(['"])([^'"]+)\1\s*\)""")
VAR = re.compile(r"""(?<![\w.])var\s*\(\s*(['"])([^'"]+)\1\s*[,)]""")
CALL = re.compile(r"(?<![\w.])(?:([A-Za-z_]\w*)\s*\.\s*)?([A-Za-z_]\w*)\s*\(")
UNIT = re.compile(r"""(?m)^\s+(?:- )?model:\s*['"]?(\w+)['"]?\s*$""")
# Projects override some of these; who points at `ref` means what it names.
BUILTIN = {"ref", "source", "var", "doc", "config", "env_var"}
CODE = ("model", "analysis", "snapshot", "test")


class Server:
    def __init__(self, binary, root, arguments, env):
        self.process = subprocess.Popen([binary, "lsp", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, cwd=root)
        self.number = 0
        self.ask("initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {"general": {"positionEncodings": ["utf-8"]}}})
        self.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        for _ in range(600):
            if any(project["loaded"] for project in self.ask("ragstar/status", {})["projects"]):
                return
            time.sleep(0.05)
        raise SystemExit(f"{root}: not loaded after 30 s")

    def send(self, message):
        body = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def ask(self, method, params):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        while True:
            length = 0
            while (line := self.process.stdout.readline()) != b"\r\n":
                if line == b"":
                    raise SystemExit("the server is gone")
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            message = json.loads(self.process.stdout.read(length))
            if message.get("id") == self.number and "method" not in message:
                return message.get("result")
            if "method" in message and "id" in message:
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": None})


class Text:
    """A file as the patterns see it."""
    def __init__(self, path, package):
        self.path, self.package = path, package
        self.raw = path.read_bytes().decode(errors="replace")
        self.starts = [0] + [at + 1 for at, letter in enumerate(self.raw) if letter == "\n"]
        shown = JINJA_COMMENT.sub(blank, self.raw)
        if path.suffix in (".yml", ".yaml"):
            # What stands behind a `#` is no Jinja for YAML; a `#` in quotes is rare beside calls.
            shown = re.sub(r"(?m)(^|\s)#.*$", lambda found: " " * len(found.group(0)), shown)
        self.shown = shown
        self.jinja = "".join(self.outside(shown))

    @staticmethod
    def outside(text):
        end = 0
        for tag in TAG.finditer(text):
            yield re.sub(r"[^\n]", " ", text[end:tag.start()])
            yield tag.group(0)
            end = tag.end()
        yield re.sub(r"[^\n]", " ", text[end:])

    def position(self, offset):
        line = bisect.bisect_right(self.starts, offset) - 1
        return line, len(self.raw[self.starts[line]:offset].encode())


def sites(text):
    """(kind, package, name, offset of the name) of every literal call that names something."""
    is_yaml = text.path.suffix in (".yml", ".yaml")
    # In YAML a test's `to:` and an exposure's list name refs without braces.
    where = text.shown if is_yaml else text.jinja
    for found in REF.finditer(where):
        yield ("ref", found.group(2), found.group(4), found.start(4)) if found.group(4) else ("ref", None, found.group(2), found.start(2))
    if is_yaml and "unit_tests:" in where:
        for found in UNIT.finditer(where):
            yield "ref", None, found.group(1), found.start(1)
    for found in SOURCE.finditer(where):
        yield "source", found.group(2), found.group(4), found.start(4)
    for found in VAR.finditer(text.jinja):
        yield "var", None, found.group(2), found.start(2)
    if is_yaml:
        for found in DOC.finditer(text.jinja):
            yield "doc", None, found.group(2), found.start(2)
    # A string in a tag is no code, unless Jinja is in it: that is how hooks are given.
    inner = lambda string: "".join(Text.outside(string)) if "{{" in string else re.sub(r"[^\n]", " ", string)
    for found in CALL.finditer(STRING.sub(lambda string: " " + inner(string.group(0)[1:-1]) + " ", text.jinja)):
        head = text.jinja[:found.start()].rstrip()
        if re.search(r"\{%-?\s*(macro|test|data_test|materialization)$", head) or head.endswith(("|", " is", " is not")):
            continue
        yield "macro", found.group(1), found.group(2), found.start(2)


def run(binary, dest, truth, name, lock, differences):
    facts = json.loads(gzip.decompress((truth / f"{name}.json.gz").read_bytes()))
    root = (dest / "projects" / name / lock["sub"]).resolve()
    env, (_, _, *arguments) = settings(name, root, dest, truth)
    server = Server(binary, root, arguments, {**env, "RAGSTAR_LOG_LEVEL": "error"})
    each = lambda kind: facts[kind] if isinstance(facts[kind], dict) else dict(facts[kind])
    nodes, sources, macros, docs = each("nodes"), each("sources"), each("macros"), each("docs")
    own = facts["project"]
    folders = {own: root}
    installed = sorted((root / "dbt_packages").glob("*/dbt_project.yml"))
    for project in installed:
        named = re.search(r"(?m)^name:\s*['\"]?(\w+)", project.read_text(errors="replace"))
        if named:
            folders[named.group(1)] = project.parent
    path_of = lambda thing: folders.get(thing["package"], root) / thing["path"]
    texts = {}
    for package, folder in folders.items():
        nested = [project.parent for project in folder.glob("*/dbt_project.yml")]
        for path in folder.rglob("*"):
            if path.suffix not in (".sql", ".yml", ".yaml") or path.name in ("profiles.yml", "packages.yml", "dependencies.yml") or not path.is_file():
                continue
            if any(path.is_relative_to(other) for other in nested):
                continue
            parts = path.relative_to(folder).parts
            # What is no part of the project: a package's own tests, what was built or installed.
            if not any(part in ("dbt_packages", "target", "node_modules") or (package != own and part.startswith("integration_tests")) for part in parts):
                texts[path] = Text(path, package)

    by_name = lambda things: grouped_by((thing["name"], unique_id) for unique_id, thing in things)
    refable = by_name((key, node) for key, node in nodes.items() if node["type"] in ("model", "seed", "snapshot"))
    tables = grouped_by(((source["source"], source["name"]), key) for key, source in sources.items())
    macros_by_name = by_name((key, found) for key, found in macros.items() if found["package"] in folders)
    dbts_own = {found["name"] for found in macros.values() if found["package"] not in folders}
    docs_by_name = by_name((key, found) for key, found in docs.items() if found["package"] in folders)
    variables = vars_of(root / "dbt_project.yml", own)
    by_path = collections.defaultdict(list)
    for key, node in nodes.items():
        if node["type"] in CODE and node["package"] == own:
            by_path[root / node["path"]].append(node)

    count, wrong = collections.Counter(), collections.Counter()

    def tell(kind, *what):
        wrong[kind] += 1
        differences[kind].append((name, *what))

    # Places by what they name, for the references afterwards; and the first place of each.
    places, first = collections.defaultdict(set), {}
    for path, text in texts.items():
        for kind, package, called, offset in sites(text):
            target, expected = None, None
            depended = {dep for node in by_path.get(path, []) for dep in node["deps"]}
            ran = {dep for node in by_path.get(path, []) for dep in node["macros"]}
            if kind == "ref":
                fitting = [key for key in refable.get(called, []) if package in (None, nodes[key]["package"])]
                if len(fitting) == 1:
                    target = fitting[0]
                    expected = path_of(nodes[target]) if target in depended else None
            elif kind == "source":
                fitting = tables.get((package, called), [])
                if len(fitting) == 1:
                    target = fitting[0]
                    expected = path_of(sources[target]) if target in depended else None
            elif kind == "macro":
                fitting = macros_by_name.get(called, [])
                if package not in (None, *folders):
                    continue
                fitting = [key for key in fitting if package in (None, macros[key]["package"])]
                if len(fitting) == 1 and called not in dbts_own and called not in BUILTIN:
                    # Without its package only one's own and the project's macros can be called.
                    if package is None and macros[fitting[0]]["package"] not in (text.package, own):
                        continue
                    target = fitting[0]
                    expected = path_of(macros[target]) if target in ran else None
            elif kind == "doc":
                fitting = docs_by_name.get(called, [])
                mine = [key for key in fitting if docs[key]["package"] == text.package] or [key for key in fitting if docs[key]["package"] == own]
                if len(mine) == 1:
                    target = mine[0]
                    expected = path_of(docs[target]) if text.package == own else None
            elif kind == "var" and called in variables:
                target, expected = f"var.{called}", root / "dbt_project.yml"
            if target is None:
                continue
            line, column = text.position(offset)
            at = {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
            places[target].add((str(path), line, column))
            if text.package == own:
                first.setdefault(target, (kind, at))
            if expected is None or text.package != own:
                continue
            count[kind] += 1
            found = server.ask("textDocument/definition", at) or []
            landed = [(Path(urllib.parse.unquote(urllib.parse.urlparse(one["uri"]).path)), one["range"]["start"]["line"]) for one in found]
            good = bool(landed) and landed[0][0].resolve() == expected.resolve()
            if good and kind != "ref":
                # On the line that says the name; a model's definition is its file.
                lines = expected.read_text(errors="replace").split("\n")
                good = called in lines[landed[0][1]]
            if not good:
                tell(f"{kind} definition", f"{path}:{line + 1}:{column + 1}", called, landed[:2])
            hover = server.ask("textDocument/hover", at)
            shown = hover["contents"]["value"] if hover and isinstance(hover["contents"], dict) else ""
            if called not in shown.replace("\\_", "_"):
                tell(f"{kind} hover", f"{path}:{line + 1}:{column + 1}", called)
    # An implementation is named by who dispatches to it, too, where it is one of this adapter.
    dispatched = collections.defaultdict(set)
    for path, text in texts.items():
        for found in re.finditer(r"\bdispatch\s*\(\s*(?:macro_name\s*=\s*)?['\"](\w+)['\"]", text.jinja):
            dispatched[found.group(1)].add((str(path), *text.position(found.start(1))))
    for target, (kind, at) in first.items():
        count[f"{kind} targets"] += 1
        found = server.ask("textDocument/references", dict(at, context={"includeDeclaration": False})) or []
        got = {(urllib.parse.unquote(urllib.parse.urlparse(one["uri"]).path), one["range"]["start"]["line"], one["range"]["start"]["character"]) for one in found}
        lacking, excess = places[target] - got, got - places[target]
        if kind == "macro":
            excess -= dispatched[macros[target]["name"].partition("__")[2]]
        if lacking:
            tell(f"{kind} references lacking", target, len(lacking), sorted(lacking)[0])
        # Files of kinds that this script doesn't read are told of by the number of them alone.
        unread = {one for one in excess if Path(one[0]) not in texts}
        count[f"{kind} references in other files"] += len(unread)
        if excess - unread:
            tell(f"{kind} references in excess", target, len(excess - unread), sorted(excess - unread)[0])
    server.process.kill()
    return count, wrong


def grouped_by(pairs):
    grouped = collections.defaultdict(list)
    for key, value in pairs:
        grouped[key].append(value)
    return grouped


def vars_of(project, own):
    """Names of the vars that dbt_project.yml sets for the project itself."""
    told = (yaml.safe_load(project.read_text(errors="replace")) or {}).get("vars") or {}
    nested = told.get(own) if isinstance(told.get(own), dict) else {}
    return {str(key) for key, value in told.items() if not isinstance(value, dict)} | {str(key) for key in nested}


def main():
    binary, dest, truth = os.path.abspath(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    total, wrong, differences = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for name, lock in locks(dest, sys.argv[4:]):
        if not (truth / f"{name}.json.gz").exists():
            continue
        began = time.time()
        count, bad = run(binary, dest, truth, name, lock, differences)
        total, wrong = total + count, wrong + bad
        print(f"{name} {time.time() - began:.0f} s", dict(count), dict(bad), flush=True)
    for kind, found in sorted(differences.items()):
        print(f"\n{kind}: {len(found)}")
        for one in found[:8]:
            print("   ", *one)
    print("\nall:", dict(total), "differences:", sum(wrong.values()))
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()

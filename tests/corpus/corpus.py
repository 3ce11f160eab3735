"""What navigation.py, faults.py and lints.py know of a corpus of public dbt projects: where they are, how `check` is run, what dbt said of them.

A corpus is a folder with lock.json (name -> {"sub": the dbt project's folder}), projects/NAME and profiles/NAME. A folder of truths holds
what dbt itself said of each: NAME.json.gz (nodes, sources, macros, docs with their dependencies) and NAME.env.json (env, vars).
"""
import bisect
import gzip
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import yaml

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
JINJA_COMMENT = re.compile(r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}", re.S)
SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
BLOCK = re.compile(r"\{%-?\s*(end)?(if|for|macro|test|call|filter|set)\b(.*?)-?%\}", re.S)
REF = re.compile(r"\{\{-?\s*ref\(\s*(['\"])(?P<name>\w+)\1\s*\)\s*-?\}\}")
SOURCE = re.compile(r"\{\{-?\s*source\(\s*(['\"])(?P<source>\w+)\1\s*,\s*(['\"])(?P<name>\w+)\3\s*\)\s*-?\}\}")
CALL = re.compile(r"\{\{-?\s*(?P<package>\w+\.)?(?P<name>\w+)\(")


def blank(match):
    """The same length and lines, nothing in it."""
    return re.sub(r"[^\n]", " ", match.group())


def padded(new):
    return lambda match: match.expand(new).ljust(len(match.group()))


def line_at(text, index):
    return text.count("\n", 0, index) + 1


def closing(text, start):
    """Where the parenthesis that opens at `start` closes."""
    depth, quote = 0, None
    for at in range(start, len(text)):
        c = text[at]
        if quote:
            quote = None if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return at
    return None


def locks(dest, names=()):
    """The projects of a corpus: name and lock."""
    lock = json.loads((Path(dest) / "lock.json").read_text())
    return [(name, lock[name]) for name in sorted(lock) if name in names or not names]


def settings(name, folder, dest, truth):
    """The environment and the options with which a project is read."""
    said = json.loads((Path(truth) / f"{name}.env.json").read_text())
    options = ["--project", str(folder), "--profiles-dir", str((Path(dest) / "profiles" / name).resolve()), "--profile", "default"]
    return {**os.environ, **said["env"]}, options + (["--vars", json.dumps(said["vars"])] if said.get("vars") else [])


def check(program, env, options):
    """The findings; a program that fails is a finding, too."""
    command = [program, "check", "--format", "json", "--level", "hint", "--fail-on", "never", *options]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return [{"path": "", "line": 0, "code": "crash", "message": f"{error}: {done.stderr[-300:] if 'done' in locals() else ''}"}]


class Code:
    """A text of SQL and Jinja: what of it counts, and which blocks are around."""

    def __init__(self, text):
        self.text = text
        without = JINJA_COMMENT.sub(blank, text)
        self.code = SQL_COMMENT.sub(blank, without)
        self.blocks = [m for m in BLOCK.finditer(without) if m[1] or m[2] != "set" or "=" not in m[3]]
        self.steps, around = [(-1, ())], ()
        for m in self.blocks:
            around = around[:-1] if m[1] else (*around, m[2])
            self.steps.append((m.start(), around))

    def around(self, at):
        return self.steps[bisect.bisect_right(self.steps, at, key=lambda step: step[0]) - 1][1]

    def is_free(self, match):
        """Whether no block and no other tag is around: in a text of `config` stands what runs at another time."""
        return not self.around(match.start()) and self.code.rfind("{{", 0, match.start()) <= self.code.rfind("}}", 0, match.start())

    def line(self, at):
        return line_at(self.text, at)


class Node(Code):
    """An enabled node of the project itself that is written in SQL."""

    def __init__(self, project, uid, node, truth):
        super().__init__(project.text(node["original_file_path"]))
        self.project, self.uid, self.node, self.truth = project, uid, node, truth
        self.name, self.path, self.deps = node["name"], node["original_file_path"], set(truth["deps"])
        self.folder, self.kind = os.path.dirname(self.path), node["resource_type"]
        self.head = self.line(re.match(r"(?:\s|--[^\n]*\n|\{#.*?#\})*(?:\{\{-?\s*config)?", self.text, re.S).end())
        patch = truth["patch"]
        self.patch = patch if patch and (node["patch_path"] or "").endswith("//" + patch) and project.text(patch) else None

    def target(self, name):
        found = [uid for uid in self.deps if uid.split(".")[0] in ("model", "seed", "snapshot") and uid.split(".", 2)[2] == name]
        return found[0] if len(found) == 1 else None

    def refs(self):
        return [m for m in REF.finditer(self.code) if self.is_free(m) and self.target(m["name"])]

    def sources(self):
        prefix = f"source.{self.project.package}."
        return [m for m in SOURCE.finditer(self.code) if self.is_free(m) and f"{prefix}{m['source']}.{m['name']}" in self.deps]

    def calls(self):
        """Calls of macros, each with the macro's id."""
        known = {uid.split(".")[-1]: uid for uid in self.truth["macros"]}
        return [(m, known[m["name"]]) for m in CALL.finditer(self.code) if self.is_free(m) and m["name"] in known]

    def plain(self):
        """The SQL without comments and the contents of texts, or None where more of Jinja than refs and sources is in it."""
        text = re.sub(r"\{\{-?\s*config\(.*?\)\s*-?\}\}", blank, self.code, flags=re.S)
        text = SOURCE.sub(padded(" source__"), REF.sub(padded(r" ref__\g<name>"), text))
        text = re.sub(r"'(?:[^'\\]|'')*'", lambda m: "'" + blank(m)[2:] + "'", text)
        return None if re.search(r"[{}\\\"`$;]", text) else text

    def columns(self):
        """The names of the columns that the SQL makes, where that is beyond doubt."""
        text = self.plain()
        return self.columns_of(text, {}) if text else None

    def ctes(self, sql, known):
        """The CTEs of a query, each with those before it, and the rest of the query."""
        ctes, at = dict(known), 0
        if match := re.match(r"\s*with\s+(?!recursive)", sql, re.I):
            at = match.end()
            while match := re.compile(r"\s*,?\s*(\w+)\s+as\s*\(", re.I).match(sql, at):
                end = closing(sql, match.end() - 1)
                if end is None:
                    return {}, ""
                ctes[match[1].lower()] = (sql[match.end():end], dict(ctes))
                at = end + 1
        return ctes, sql[at:]

    def columns_of(self, sql, known):
        ctes, flat = self.ctes(sql, known)
        while (inner := re.sub(r"\([^()]*\)", lambda m: " " * len(m.group()), flat)) != flat:
            flat = inner
        match = re.match(r"\s*select\s+(?:distinct\s+)?(.*?)(?:\bfrom\b(.*))?$", flat, re.I | re.S)
        if not match or re.search(r"\b(union|intersect|except|minus|unpivot|pivot)\b|[()]", flat, re.I):
            return None
        if match[1].strip() == "*":
            read = re.fullmatch(r"\s*(\w+)\s*((where|order|limit)\b.*)?", match[2] or "", re.I | re.S)
            if read and read[1].startswith("ref__"):
                return self.project.columns(self.target(read[1][5:]))
            body = read and ctes.get(read[1].lower())
            return self.columns_of(*body) if body else None
        names = []
        for item in match[1].split(","):
            name = re.fullmatch(r"(?:[a-z_]\w*\.)?([a-z_]\w*)", item.strip(), re.I) or re.search(r"\bas\s+([a-z_]\w*)$", item.strip(), re.I)
            if not name or re.fullmatch(r"true|false|null|(?:current|session)_\w+|sysdate|user", item.strip(), re.I):
                return None
            names.append(name[1])
        return names


class Project:
    """A copy of a project, what dbt said of it, and what `check` says of it as it is."""

    def __init__(self, name, lock, args):
        origin = (Path(args.dest) / "projects" / name).resolve()
        self.name, self.program, home = name, args.bin, Path(args.scratch) / name
        self.home = home
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(origin, home, symlinks=True)
        for at, folders, files in os.walk(home):
            for link in (Path(at) / entry for entry in folders + files if (Path(at) / entry).is_symlink()):
                # Links into the project lead into the copy, or the faults would be made in the original.
                if (goal := Path(os.readlink(link))).is_absolute() and goal.is_relative_to(origin):
                    link.unlink()
                    link.symlink_to(home / goal.relative_to(origin))
        self.dir = home / lock["sub"]
        self.env, self.options = settings(name, self.dir, args.dest, args.truth)
        self.truth = json.loads(gzip.open(Path(args.truth) / f"{name}.json.gz").read())
        self.package = self.truth["project"]
        emitted = subprocess.run([args.bin, "index", "--emit", "-", *self.options], env=self.env, capture_output=True, check=True).stdout
        self.manifest = json.loads(emitted)
        self.texts, self.trees, self.made = {}, {}, {}
        self.base = Counter(key(finding) for finding in self.check())
        nodes = sorted(self.own_nodes(), key=lambda node: node.uid)
        self.models = [node for node in nodes if node.kind == "model"]
        self.others = [node for node in nodes if node.kind != "model"]
        self.by_uid = {model.uid: model for model in self.models}
        macros = [(macro["name"], macro["original_file_path"], uid) for uid, macro in self.manifest["macros"].items()]
        self.macros = sorted(macro for macro in macros if macro[2].startswith(f"macro.{self.package}."))
        self.names = {node["name"] for part in ("nodes", "disabled") for node in self.truth[part].values()}
        # The generic tests that run: of which node, of which test, of which column.
        tests = [(node, node["test"]) for node in self.truth["nodes"].values() if node.get("test")]
        self.tests = {(node["attached"], test[0], test[1]) for node, test in tests}

    def own_nodes(self):
        for uid, node in self.manifest["nodes"].items():
            truth, path = self.truth["nodes"].get(uid), node["original_file_path"]
            # Where the program sees other dependencies than dbt, nothing is sure.
            if truth and node["package_name"] == self.package and node.get("version") is None and path.endswith(".sql") and self.text(path):
                if set(truth["deps"]) == set(node["depends_on"].get("nodes", ())):
                    yield Node(self, uid, node, truth)

    def check(self):
        return check(self.program, self.env, self.options)

    def accept(self):
        """Has the descriptions watched: from here on each is told once its SQL changes."""
        self.env["RAGSTAR_DATA_DIR"] = f"{self.home}.data"
        subprocess.run([self.program, "docs", "accept", "--existing", *self.options], env=self.env, capture_output=True, check=True)

    def text(self, path):
        if path not in self.texts:
            try:
                self.texts[path] = (self.dir / path).read_bytes().decode()
            except (OSError, UnicodeDecodeError):
                self.texts[path] = None
        return self.texts[path]

    def tree(self, path):
        """The YAML of a file, with places; None where anchors or other line ends make them hard to edit."""
        if path not in self.trees:
            text = self.text(path)
            is_plain = text and not re.search(r"(^|[\s\[,])[&*]\w|<<:|\t|\r(?!\n)|[\x85\u2028\u2029\ufeff]", text)
            self.trees[path] = yaml.compose(text, Loader) if is_plain else None
        return self.trees[path]

    def columns(self, uid):
        """The columns of a model or a seed, where they are beyond doubt."""
        if uid not in self.made:
            self.made[uid] = None
            node = self.manifest["nodes"].get(uid, {})
            if uid in self.by_uid:
                self.made[uid] = self.by_uid[uid].columns()
            elif node.get("resource_type") == "seed" and node["package_name"] == self.package:
                head = (self.text(node["original_file_path"]) or "").split("\n")[0].strip()
                self.made[uid] = head.split(",") if re.fullmatch(r"[a-z_]\w*(,[a-z_]\w*)*", head, re.I) else None
        return self.made[uid]

    def folder(self, kind="model"):
        """A folder where files of a kind are looked for."""
        paths = (yaml.load(self.text("dbt_project.yml"), Loader) or {}).get(f"{kind}-paths") or [f"{kind}s"]
        return next((path.rstrip("/") for path in paths if (self.dir / path).is_dir()), None)


def key(finding):
    return finding["path"], finding["code"], finding["message"]


def get(node, name):
    if isinstance(node, yaml.MappingNode):
        return next((value for k, value in node.value if k.value == name), None)
    return None


def named(node):
    """The `name` of an entry, None without one."""
    return getattr(get(node, "name"), "value", None)


def items(node, of=yaml.MappingNode):
    return [item for item in node.value if isinstance(item, of)] if isinstance(node, yaml.SequenceNode) else []


def keys(node):
    return {k.value for k, _ in node.value}


def pairs(text, mapping):
    """The pairs of a block mapping that have a line of their own: key, value, where the line begins and ends."""
    for k, v in mapping.value:
        start, end = k.start_mark.index - k.start_mark.column, text.find("\n", v.end_mark.index) + 1
        if isinstance(v, yaml.ScalarNode) and v.style not in ("|", ">") and k.start_mark.line == v.end_mark.line and end and v.value:
            is_alone = not text[start:k.start_mark.index].strip() and re.fullmatch(r"\s*(#.*)?\n", text[v.end_mark.index:end])
            if is_alone and not mapping.flow_style:
                yield k, v, start, end


# --- Where faults can be made ---------------------------------------------------------------------------------------------------

def shuffled(rng, found):
    found = list(found)
    return rng.sample(found, len(found))


def models(p, rng, without=None):
    """Models, those left out in whose SQL or properties file a word stands."""
    for model in shuffled(rng, p.models):
        if not without or not re.search(without, model.text) and not re.search(without, model.patch and p.text(model.patch) or ""):
            yield model


def refs(p, rng, own=False):
    """Refs beyond doubt: the model, the match, the target (a model of the project if `own`)."""
    for model in models(p, rng):
        if found := [m for m in model.refs() if not own or model.target(m["name"]) in p.by_uid]:
            match = rng.choice(found)
            yield model, match, p.by_uid.get(model.target(match["name"]), model.target(match["name"]))


def entries(p, rng, without=()):
    """Entries of models in properties files, those left out that have some key: the model, the file, its text, the entry."""
    for model in models(p, rng):
        for entry in items(get(p.tree(model.patch), "models")) if model.patch and p.tree(model.patch) else []:
            if named(entry) == model.name and not entry.flow_style and not keys(entry) & {"versions", "latest_version", *without}:
                yield model, model.patch, p.text(model.patch), entry


def columned(p, rng, without=()):
    """Entries with columns that are written as a block: besides, the columns."""
    for model, path, text, entry in entries(p, rng, without):
        columns = get(entry, "columns")
        if items(columns) and not columns.flow_style and not any(column.flow_style for column in items(columns)):
            yield model, path, text, entry, columns


def described(p, rng):
    """For each entry itself or one of its columns, and the pairs of it that have a line of their own."""
    for model, path, text, entry in entries(p, rng):
        chosen = rng.choice([entry, *(column for column in items(get(entry, "columns")) if named(column))])
        if found := list(pairs(text, chosen)):
            yield model, path, text, chosen, found


def column_tests(p, rng):
    """Tests of columns that run: the file, its text, the test's node."""
    for model, path, text, entry in entries(p, rng):
        found = []
        for column in items(get(entry, "columns")):
            for test in items(get(column, "data_tests") or get(column, "tests"), yaml.Node):
                name = test.value if isinstance(test, yaml.ScalarNode) else test.value[0][0].value if len(test.value) == 1 else None
                if (model.uid, name, named(column)) in p.tests:
                    found.append(test)
        if found:
            yield path, text, rng.choice(found)


def splice(text, start, end, new):
    return text[:start] + new + text[end:]


def instead(text, node, new):
    """The text with another value for a node of YAML."""
    return splice(text, node.start_mark.index, node.end_mark.index, new)


def inserted(text, node, lines, dash=""):
    """The text with lines put before the first key of a block mapping (with `dash`: before the first item of a list), and their first line."""
    column = node.start_mark.column
    new = dash + ("\n" + " " * (column + len(dash))).join(lines) + "\n" + " " * column
    return splice(text, node.start_mark.index, node.start_mark.index, new), node.start_mark.line + 1


def at_end(model, line):
    """A model's text with one more line, and that line's number."""
    text = f"{model.text.rstrip()}\n{line}\n"
    return text, text.count("\n")


def typo(rng, name, taken):
    made = [new for new in (name + "x", name[:-1], name.replace("_", "", 1)) if new not in taken and re.fullmatch(r"[a-z]\w+", new, re.I)]
    return rng.choice([*made, "no_such_name"])

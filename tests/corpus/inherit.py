"""Blanks out the descriptions of columns in public dbt projects and tells how right those are that `ragstar docs generate` takes over from upstream.

    inherit.py BIN DEST TRUTH [--project NAME ...] [--jobs 2] [--scratch FOLDER] [--show 15] [--seed 1]

In: the program BIN, the corpus DEST and what dbt said of it, TRUTH (see corpus.py). Copies of the projects are made in the scratch folder;
DEST is not written to.

In each copy, the columns' descriptions of all models and snapshots of one level of the lineage are blanked out at once (none of them reads
another), `docs generate … --inherit-only --dry-run --json` is run for them, and the files are put back. What it would write is compared with
what stood there, once the docs blocks of both are filled in and white space is squeezed.

Beside the program, the SQL is read with sqlglot where nothing but refs, sources and config is in it: whether the column is computed, or
which column of which node it is, all the way up. A described column has the *same text upstream* if some node at most 8 steps up describes a
column in the same words. By kind of origin, an inherited text is
    equal       to the one that was blanked out,
    wrong       another, though the same text is upstream, and the SQL, as far as it was read, doesn't show that it is of the nearest described
                column of its way,
    computed    whatever it says: the column is computed, here or on its way to where the text is from, or is another one,
    reworded    another, of no fault of the program: the SQL shows that it is of the nearest described column of its way,
    unlike      another; the same text isn't upstream, and the SQL wasn't read that far.
Precision is the share of the equal in equal, wrong and computed; *strict* precision counts the reworded and the unlike as faults, too. Recall
is the share of the equal in the columns that have the same text upstream: of all, of those with a path there through SQL that has neither
`*` nor generated parts (*plain*), and of those where the SQL shows that the nearest described column of its way has that text (*shown*).

Out: for each project and in total these figures, and examples of each kind of miss, taken at random. Exit status 1 where, in total, precision
of what the SQL proves is below 99 % or recall over plain paths below 85 %.
"""
import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import sqlglot
import yaml
from sqlglot import exp

# The repository is no place for compiled Python.
sys.dont_write_bytecode = True

from corpus import JINJA_COMMENT, REF, SOURCE, Loader, Project, blank, closing, get, items, locks, named, splice  # noqa: E402

MAX_DEPTH = 8
CONFIG = re.compile(r"\{\{-?\s*config\s*\(")
BRACES = re.compile(r"\{%-?\s*(?:snapshot\s+\w+|endsnapshot)\s*-?%\}|\{%-?\s*if\s+is_incremental\(\)\s*-?%\}(?:(?!\{%).)*\{%-?\s*endif\s*-?%\}", re.S)
SET = re.compile(r"\{%-?\s*set\s+\w+\s*=(?:(?!%\}).)*%\}", re.S)
JINJA = re.compile(r"\{\{(?:(?!\}\}).)*\}\}", re.S)
DIALECTS = {"sqlserver": "tsql", "fabric": "tsql"}
KINDS = ("equal", "wrong", "computed", "reworded", "unlike")


class Blanked(Project):
    """A copy of a project of which nothing is checked."""

    def check(self):
        return []


def squeezed(text):
    return " ".join((text or "").split())


def sha(text):
    return hashlib.sha1(text.encode()).hexdigest()[:12]


# --- What the SQL says ----------------------------------------------------------------------------------------------------------

class Sql:
    """The SQL of a model, to be asked where a column is from."""

    def __init__(self, node, dialect, has_column):
        self.names, self.query, self.has_column = [], None, has_column
        text = JINJA_COMMENT.sub(blank, node["raw_code"])
        while match := CONFIG.search(text):
            end = closing(text, match.end() - 1)
            close = text.find("}}", end or 0)
            if end is None or close < 0:
                return
            text = text[:match.start()] + text[close + 2:]
        text = SOURCE.sub(lambda m: self.placed(("source", m["source"], m["name"])), REF.sub(lambda m: self.placed(("ref", m["name"])), BRACES.sub(blank, text)))
        text = SET.sub(blank, text)
        self.is_generated = bool(JINJA.search(text))
        # What stands in an expression does no harm; elsewhere it isn't understood.
        text = JINJA.sub("ragstar_jinja()", text)
        if re.search(r"\{\{|\{%|\{#", text):
            return
        try:
            found = [query for query in sqlglot.parse(text, dialect=dialect) if query]
        except sqlglot.errors.SqlglotError:
            return
        if len(found) == 1 and isinstance(found[0], exp.Query):
            self.query = found[0]

    def placed(self, name):
        self.names.append(name)
        return f" ragstar_node_{len(self.names) - 1} "

    def has_star(self):
        """Whether some projection is a `*`; `count(*)` is none."""
        return any(isinstance(one, exp.Star) or isinstance(one, exp.Column) and one.is_star for query in self.query.find_all(exp.Select) for one in query.expressions)

    def column(self, name):
        """(the ref or source, the column), "computed", or None where that isn't beyond doubt."""
        try:
            return self.of_query(self.query, name.lower(), {})
        except RecursionError:
            return None

    def of_query(self, query, name, known):
        while isinstance(query, exp.Subquery) and not query.args.get("pivots"):
            query = query.this
        if not isinstance(query, exp.Select) or query.args.get("laterals"):
            return None
        known = self.known(query, known)
        sources = self.sources(query)
        value = self.projected(query, sources, name, known)
        if value is None or isinstance(value, str):
            return value
        return self.of_source(sources, value, known)

    @staticmethod
    def known(query, known):
        """The CTEs that a query may name, each with those before it."""
        known, within = dict(known), query.args.get("with_") or query.args.get("with")
        for cte in within.expressions if within else ():
            is_odd = within.args.get("recursive") or cte.args["alias"].columns
            known[cte.alias.lower()] = None if is_odd else (cte.this, dict(known))
        return known

    def projected(self, query, sources, name, known):
        """The plain column that a column of a query is, "computed", or None where that isn't beyond doubt."""
        found = [one for one in query.expressions if one.alias_or_name.lower() == name and not one.is_star]
        stars = [one for one in query.expressions if one.is_star]
        if len(found) == 1:
            value = found[0].unalias()
            while isinstance(value, exp.Paren):
                value = value.this
            if isinstance(value, exp.Column) or value.name.lower() == "ragstar_jinja":
                return value if isinstance(value, exp.Column) else None
            return "computed" if not isinstance(value, (exp.Dot, exp.Star)) and not value.find(exp.Explode, exp.Unnest) else None
        if found or not stars or not sources:
            return None
        fitting = []
        for star in stars:
            inner = star if isinstance(star, exp.Star) else star.this
            parts = [inner.args.get(part) or [] for part in ("except_", "except", "rename", "replace")]
            if any(parts[2]):
                return None
            if any(one.alias_or_name.lower() == name for one in parts[3]):
                return "computed"
            if not any(one.name.lower() == name for part in parts[:2] for one in part):
                fitting += [star.table.lower()] if isinstance(star, exp.Column) else list(sources)
        fitting = self.having({one: sources[one] for one in fitting if one in sources}, name, known)
        return exp.column(name, table=fitting) if fitting else None

    def having(self, sources, name, known):
        """The one of some sources that has a column; None where that isn't beyond doubt."""
        if len(sources) == 1:
            return next(iter(sources))
        has = {one: self.has(source, name, known) for one, source in sources.items()}
        return next((one for one in has if has[one]), None) if list(has.values()).count(True) == 1 and None not in has.values() else None

    def has(self, source, name, known):
        """Whether a table or subquery has a column; None where that isn't known."""
        if isinstance(source, exp.Subquery):
            return self.makes(source.this, name, known)
        if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier) or source.args.get("db"):
            return None
        if source.name.lower() in known:
            cte = known[source.name.lower()]
            return self.makes(cte[0], name, cte[1]) if cte else None
        place = re.fullmatch(r"ragstar_node_(\d+)", source.name, re.I)
        return self.has_column(self.names[int(place[1])], name) if place else None

    def makes(self, query, name, known):
        """Whether a query makes a column; None where that isn't known."""
        while isinstance(query, (exp.Subquery, exp.SetOperation)):
            query = query.this
        if not isinstance(query, exp.Select):
            return None
        known = self.known(query, known)
        if any(one.alias_or_name.lower() == name for one in query.expressions if not one.is_star):
            return True
        if any(one.unalias().name.lower() == "ragstar_jinja" and not one.alias for one in query.expressions):
            return None
        stars, sources = [one for one in query.expressions if one.is_star], self.sources(query)
        if not stars:
            return False
        if not sources or any(not isinstance(star, exp.Star) and star.table.lower() not in sources for star in stars):
            return None
        read = {one for star in stars for one in (sources if isinstance(star, exp.Star) else [star.table.lower()])}
        has = [self.has(sources[one], name, known) for one in read]
        # What `* except (…)` leaves out isn't looked into.
        parts = [part for star in stars for part in (star if isinstance(star, exp.Star) else star.this).args.values() if isinstance(part, list) and part]
        return None if None in has or parts else any(has)

    def sources(self, query):
        """What a query reads, by the names it gives; None where more is in it than tables and subqueries."""
        read = {}
        first = query.args.get("from_") or query.args.get("from")
        for one in [first.this if first else None, *(join.this for join in query.args.get("joins") or ())]:
            if not isinstance(one, (exp.Table, exp.Subquery)) or one.args.get("pivots") or one.args.get("joins") or not one.alias_or_name:
                if not isinstance(one, exp.Subquery) or one.alias_or_name:
                    return None
            if one.args.get("alias") and one.args["alias"].columns:
                return None
            read[one.alias_or_name.lower()] = one
        return read

    def of_source(self, sources, column, known):
        if not sources or column.args.get("db"):
            return None
        one = sources.get(column.table.lower() or self.having(sources, column.name.lower(), known))
        if isinstance(one, exp.Subquery):
            return self.of_query(one.this, column.name.lower(), known)
        if not isinstance(one, exp.Table) or not isinstance(one.this, exp.Identifier) or one.args.get("db"):
            return None
        if one.name.lower() in known:
            cte = known[one.name.lower()]
            return self.of_query(cte[0], column.name.lower(), cte[1]) if cte else None
        place = re.fullmatch(r"ragstar_node_(\d+)", one.name, re.I)
        return (self.names[int(place[1])], column.name.lower()) if place else None


class Lineage:
    """The nodes of a manifest: what they read, how their columns are described, and what their SQL says."""

    def __init__(self, manifest, dialect):
        self.nodes = {**manifest["nodes"], **manifest["sources"]}
        self.package = manifest["metadata"]["project_name"]
        self.dialect, self.read = dialect, {}
        self.texts = {}
        for uid, node in self.nodes.items():
            columns = {name.lower(): squeezed(column["description"]) for name, column in (node.get("columns") or {}).items()}
            self.texts[uid] = {name: text for name, text in columns.items() if text}
        self.levels, self.having = {}, {}

    def above(self, uid):
        return [up for up in self.nodes[uid].get("depends_on", {}).get("nodes", ()) if up in self.nodes]

    def level(self, uid):
        if uid not in self.levels:
            self.levels[uid] = 0
            self.levels[uid] = 1 + max((self.level(up) for up in self.above(uid)), default=-1)
        return self.levels[uid]

    def sql(self, uid):
        """The model's SQL, None where it can't be read."""
        if uid not in self.read:
            node = self.nodes[uid]
            code = node.get("language") == "sql" and node["resource_type"] in ("model", "snapshot") and node.get("raw_code")
            sql = Sql(node, self.dialect, lambda name, column: self.has_column(uid, name, column)) if code else None
            self.read[uid] = sql if sql and sql.query else None
        return self.read[uid]

    def is_plain(self, uid):
        sql = self.sql(uid)
        return bool(sql) and not sql.is_generated and not sql.has_star()

    def named(self, uid, name):
        """What a node means by a ref or a source."""
        kinds = ("source",) if name[0] == "source" else ("model", "seed", "snapshot")
        up = [one for one in self.above(uid) if one.split(".")[0] in kinds and one.split(".")[2:] == list(name[1:])]
        return up[0] if len(up) == 1 else None

    def has_column(self, uid, name, column):
        up = self.named(uid, name)
        if up and (up, column) not in self.having:
            sql, self.having[up, column] = self.sql(up), None
            found = sql.makes(sql.query, column, {}) if sql else None
            self.having[up, column] = True if found is None and column in self.texts[up] else found
        return self.having.get((up, column))

    def step(self, uid, column):
        """Where a column is from, one step up: (node, column), "computed" or None."""
        sql = self.sql(uid)
        found = sql and sql.column(column)
        if not isinstance(found, tuple):
            return found
        up = self.named(uid, found[0])
        return (up, found[1]) if up else None

    def way(self, uid, column):
        """The columns that a column is, up to where it is made or where the SQL says no more; and whether it is known to be made there."""
        way = []
        while len(way) < 60:
            step = self.step(uid, column)
            if not isinstance(step, tuple):
                # What no SQL makes has no further way.
                return way, step == "computed" or self.nodes[uid]["resource_type"] in ("source", "seed")
            uid, column = step
            way.append(step)
        return way, False

    def reached(self, uid, is_open=lambda _: True):
        """Nodes at most MAX_DEPTH steps up, through those that are open."""
        seen, edge = {uid}, [uid]
        for _ in range(MAX_DEPTH):
            edge = {up for one in edge if is_open(one) for up in self.above(one)} - seen
            seen |= edge
        return seen - {uid}

    def have(self, nodes, text):
        return any(text in self.texts[uid].values() for uid in nodes)


# --- Blanking out ---------------------------------------------------------------------------------------------------------------

def plain_value(text):
    """A file of YAML as values, None where it isn't any."""
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError):
        return None


def without(value):
    """The same without any empty description."""
    if isinstance(value, dict):
        return {k: without(v) for k, v in value.items() if k != "description" or v not in ("", None)}
    return [without(one) for one in value] if isinstance(value, list) else value


class Files:
    """The properties files of a project and where in them columns of models are described."""

    def __init__(self, project):
        self.project, self.trees, self.counted = project, {}, {}

    def tree(self, path):
        if path not in self.trees:
            try:
                self.trees[path] = yaml.compose(self.project.text(path) or "", Loader)
            except yaml.YAMLError:
                self.trees[path] = None
        return self.trees[path]

    def descriptions(self, node):
        """(column, key of the description, its value) of all described columns of a model."""
        path = (node["patch_path"] or "").split("://")[-1]
        kind = "snapshots" if node["resource_type"] == "snapshot" else "models"
        for entry in items(get(self.tree(path), kind)) if path else ():
            if named(entry) == node["name"] and not get(entry, "versions"):
                for column in items(get(entry, "columns")):
                    # What an alias names stands in several places.
                    if self.times(path)[id(column)] > 1:
                        continue
                    for key, value in column.value:
                        if key.value == "description" and isinstance(value, yaml.ScalarNode) and value.value.strip() and named(column):
                            yield path, column, key, value

    def times(self, path):
        """How often each column stands in a file."""
        if path not in self.counted:
            count, todo = Counter(), [self.tree(path)]
            while todo:
                node = todo.pop()
                count[id(node)] += 1
                if count[id(node)] <= 2 and isinstance(node, yaml.CollectionNode):
                    todo += [one for pair in node.value for one in (pair if isinstance(pair, tuple) else (pair,))]
            self.counted[path] = count
        return self.counted[path]

    def removable(self, path, places):
        """Those of some descriptions that can be blanked out without a change of something else."""
        if self.is_right(path, places):
            return places
        half = len(places) // 2
        return self.removable(path, places[:half]) + self.removable(path, places[half:]) if half else []

    def is_right(self, path, places):
        expected, gone = plain_value(self.project.text(path)), {(model, named(column)) for model, column, *_ in places}
        for kind in ("models", "snapshots"):
            for entry in expected.get(kind) or ():
                entry["columns"] = [
                    {k: v for k, v in column.items() if k != "description" or (entry["name"], column.get("name")) not in gone}
                    for column in entry.get("columns") or ()
                ]
        told = plain_value(self.blanked(path, places))
        for kind in ("models", "snapshots"):
            for entry in (told or {}).get(kind) or ():
                entry["columns"] = entry.get("columns") or []
        return told is not None and without(told) == without(expected)

    def blanked(self, path, places):
        """The text of a file without some descriptions."""
        text = self.project.text(path)
        for _, column, key, value in sorted(places, key=lambda place: -place[3].start_mark.index):
            start, end = value.start_mark.index, value.end_mark.index
            # A block ends where the next line begins.
            end = start + len(text[start:end].rstrip())
            line = key.start_mark.index - key.start_mark.column
            below = text.find("\n", end) + 1 or len(text)
            is_alone = not text[line:key.start_mark.index].strip() and not text[end:below].strip()
            text = splice(text, line, below, "") if is_alone and not column.flow_style else splice(text, start, end, '""')
        return text


# --- A project ------------------------------------------------------------------------------------------------------------------

def origin_of(said, lineage):
    """(kind, node, column) of what the program says of an inherited text."""
    match = re.fullmatch(r"(inherited from|inherited by its name from) (.*)", said)
    if not match:
        return "docs block" if said.startswith("the docs block") else "comment", None, None
    parts = match[2].split(".")
    at = next((n for n in range(len(parts) - 1, 0, -1) if ".".join(parts[:n]) in lineage.nodes), len(parts) - 1)
    return ("SQL" if match[1] == "inherited from" else "name"), ".".join(parts[:at]), ".".join(parts[at:])


def rendered(text, docs, package):
    """A text with the docs blocks that it names."""
    def block(match):
        names = [match[1]] if not match[2] else [f"{match[1]}.{match[2]}"]
        if not match[2]:
            names = [f"{package}.{match[1]}"] + [name for name in docs if name.endswith("." + match[1])]
        return next((docs[name] for name in names if name in docs), match.group())
    return re.sub(r"\{\{-?\s*doc\(\s*['\"]([\w.-]+)['\"]\s*(?:,\s*['\"]([\w.-]+)['\"]\s*)?\)\s*-?\}\}", block, text)


def verdict(lineage, uid, column, before, text, origin):
    """Which of KINDS an inherited text is, and whether the same text is upstream."""
    kind, node, of = origin
    way, is_made = lineage.way(uid, column)
    described = next((step for step in way if step[1] in lineage.texts[step[0]]), None)
    if kind == "SQL":
        # What it is from isn't on its way, and its way is known to the end.
        if (node, of.lower()) not in way and (is_made or described):
            return "computed"
    if text == before:
        return "equal"
    if described and described == (node, (of or "").lower()):
        return "reworded"
    return "wrong" if lineage.have(lineage.reached(uid), before) else "unlike"


def run(args, name, lock):
    """The figures of a project, and its misses by kind."""
    count, misses = Counter(), defaultdict(list)
    project = Blanked(name, lock, args)
    lineage = Lineage(project.manifest, DIALECTS.get(lock["adapter"], lock["adapter"]))
    docs = {uid.split(".", 1)[1]: one["block_contents"] for uid, one in project.manifest["docs"].items()}
    files, levels = Files(project), defaultdict(list)
    for uid, node in lineage.nodes.items():
        if node["resource_type"] in ("model", "snapshot") and node["package_name"] == lineage.package:
            levels[lineage.level(uid)].append(uid)
    env = {**project.env, "RAGSTAR_DATA_DIR": str(project.dir.parent / ".ragstar_data"), "RAGSTAR_CACHE_DIR": str(project.dir.parent / ".ragstar_cache")}
    for level in sorted(levels):
        asked, edits = {}, defaultdict(list)
        for uid in levels[level]:
            for path, column, key, value in files.descriptions(lineage.nodes[uid]):
                edits[path].append((uid, column, key, value))
        edited = {}
        for path, places in edits.items():
            names = [(lineage.nodes[uid]["name"], *place) for uid, *place in places]
            kept = files.removable(path, names)
            edited[path] = files.blanked(path, kept)
            count["left out"] += len(places) - len(kept)
            is_kept = {id(value) for *_, value in kept}
            for uid, column, _, value in places:
                known = (project.truth["nodes"].get(uid) or {}).get("columns", {})
                entry = lineage.nodes[uid]["columns"].get(named(column))
                # Only what dbt reads in the same way is asked about.
                if id(value) in is_kept and entry and sha(entry["description"]) in known.get(named(column), ()):
                    asked[uid, named(column).lower()] = value.value
        if not asked:
            continue
        command = [args.bin, "docs", "generate", *sorted({lineage.nodes[uid]["name"] for uid, _ in asked}), "--inherit-only", "--dry-run", "--json"]
        try:
            for path, text in edited.items():
                (project.dir / path).write_bytes(text.encode())
            done = subprocess.run([*command, *project.options], env=env, capture_output=True, text=True, timeout=900)
            said = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
            misses["crash"].append((name, f"level {level}", "", str(error), done.stderr[-300:] if "done" in locals() else "", ""))
            continue
        finally:
            for path in edited:
                (project.dir / path).write_bytes(project.text(path).encode())
        got = {(one["uniqueId"], (one["column"] or "").lower()): one for one in said["written"]}
        refused = {(one["uniqueId"], (one["column"] or "").lower()): one["why"] for one in said["refused"]}
        for (uid, column), raw in asked.items():
            judge(name, lineage, docs, uid, column, raw, got.get((uid, column)), refused.get((uid, column)), count, misses)
    return count, misses


def judge(name, lineage, docs, uid, column, raw, got, refused, count, misses):
    before = lineage.texts[uid].get(column, squeezed(raw))
    count["described"] += 1
    result, said = None, ""
    model = uid.split(".", 2)[2]
    if got:
        origin = origin_of(got["origin"], lineage)
        text = before if squeezed(got["text"]) == squeezed(raw) else squeezed(rendered(got["text"], docs, lineage.package))
        result, said = verdict(lineage, uid, column, before, text, origin), got["origin"]
        count[origin[0], result] += 1
        if result != "equal":
            misses[f"{origin[0]}: {result}"].append((name, model, column, before, text, said))
    has = {"all": lineage.have(lineage.reached(uid), before)}
    has["plain"] = has["all"] and lineage.have(lineage.reached(uid, lineage.is_plain), before)
    way, _ = lineage.way(uid, column)
    nearest = next((lineage.texts[at][of] for at, of in way if of in lineage.texts[at]), None)
    has["shown"] = nearest == before
    for kind in (kind for kind, is_so in has.items() if is_so):
        count["same text", kind] += 1
        count["restored", kind] += bool(got) and text == before
    if not got and has["all"]:
        kind = "shown" if has["shown"] else "plain path" if has["plain"] else "other path"
        where = next(f"{at}.{of}" for at in [*(at for at, _ in way), *lineage.reached(uid)] for of, one in lineage.texts[at].items() if one == before)
        misses[f"nothing inherited, {kind}"].append((name, model, column, before, f"refused: {refused}" if refused else "nothing", f"same text at {where}"))


# --- Telling --------------------------------------------------------------------------------------------------------------------

def share(part, whole):
    return f"{100 * part / whole:.2f} % ({part}/{whole})" if whole else "-"


def precision(count, kind, is_strict=False):
    good = count[kind, "equal"]
    return good, good + sum(count[kind, one] for one in (KINDS[1:] if is_strict else ("wrong", "computed")))


def line(count):
    parts = [f"described {count['described']}"]
    for kind in ("SQL", "name", "docs block", "comment"):
        if any(count[kind, one] for one in KINDS):
            parts.append(f"{kind}: " + " ".join(f"{one} {count[kind, one]}" for one in KINDS if count[kind, one]))
    parts += [f"recall {kind} {share(count['restored', kind], count['same text', kind])}" for kind in ("all", "plain", "shown") if count["same text", kind]]
    return ", ".join(parts + ([f"left out {count['left out']}"] if count["left out"] else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "dest", "truth"):
        parser.add_argument(name)
    parser.add_argument("--project", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scratch", help="where the copies are made; by default a folder that is removed afterwards")
    parser.add_argument("--show", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.bin = os.path.abspath(args.bin)
    sys.setrecursionlimit(10000)
    total, misses = Counter(), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        args.scratch = os.path.abspath(args.scratch or folder)

        def timed(one):
            start = time.monotonic()
            return one[0], *run(args, *one), time.monotonic() - start

        with ThreadPoolExecutor(args.jobs) as pool:
            for name, count, missed, seconds in pool.map(timed, locks(args.dest, args.project)):
                print(f"{name:24} {seconds:6.1f} s  {line(count)}", flush=True)
                total += count
                for kind, found in missed.items():
                    misses[kind] += found
    print(f"{'all':24}           {line(total)}")
    for kind in ("SQL", "name", "docs block", "comment"):
        print(f"precision {kind}: {share(*precision(total, kind))}, strict {share(*precision(total, kind, True))}")
    for kind, found in sorted(misses.items()):
        print(f"\n{kind}: {len(found)}")
        for name, model, column, before, text, said in random.Random(args.seed).sample(found, min(args.show, len(found))):
            print(f"  {name} {model}.{column}: {said}\n      there     | {before[:160]}\n      inherited | {text[:160]}")
    good, of = precision(total, "SQL")
    is_good = good >= 0.99 * of and total["restored", "plain"] >= 0.85 * total["same text", "plain"] and not misses["crash"]
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

"""The kinds of faults that faults.py seeds: for each, a generator of cases in a project, in random order.

A fault is made only where dbt would certainly find it: in enabled nodes whose dependencies are those that dbt knows, outside of comments,
raw blocks and branches. What dbt doesn't look for (columns, unused CTEs) is made only where a few lines of code can prove it.
"""
import dataclasses
import os
import re

import yaml

from corpus import (CALL, REF, Code, Loader, at_end, closing, column_tests, columned, described, entries, get, inserted, instead, items, keys,
                    line_at, models, named, refs, shuffled, splice, typo)

KINDS = {}


@dataclasses.dataclass
class Case:
    """A fault: the files as they are to be, and the places of which one must be told: codes, path, first and last line."""
    edits: dict
    places: list


def told(codes, path, line, text, last=None, files=()):
    return Case({path: text, **dict(files)}, [(codes.split(), path, line, last or line)])


def anywhere(codes, edits, *places):
    """A fault that may be told at any of several places: path and lines."""
    return Case(edits, [(codes.split(), path, first, last) for path, first, last in places])


def kind(make):
    KINDS[make.__name__] = make
    return make


# --- Jinja and names ------------------------------------------------------------------------------------------------------------

@kind
def unknown_ref(p, rng):
    for model, match, _ in refs(p, rng):
        start, end = match.span("name")
        of_package = f"no_such_package{match[1]}, {match[1]}{match['name']}"
        # A project's own macro `ref` may take less than dbt's.
        new = rng.choice([typo(rng, match["name"], p.names), *([] if "ref" in {name for name, *_ in p.macros} else [of_package])])
        yield told("unknown-ref", model.path, model.line(start), splice(model.text, start, end, new))


@kind
def unknown_ref_elsewhere(p, rng):
    """In analyses, singular tests, snapshots."""
    for node in shuffled(rng, p.others):
        for match in node.refs()[:1]:
            name = typo(rng, match["name"], p.names)
            yield told("unknown-ref", node.path, node.line(match.start()), splice(node.text, *match.span("name"), name))


def macro_calls(p, rng, pattern):
    """Matches right in the body of a macro, outside of its branches: the macro's file, the match, the models that call the macro."""
    for name, path, uid in shuffled(rng, p.macros):
        users = [model for model in p.models if uid in (called for _, called in model.calls())]
        found = Code(p.text(path) or "")
        start = re.search(rf"\{{%-?\s*macro\s+{name}\b", found.code)
        for match in pattern.finditer(found.code, start.end()) if users and start else ():
            if found.around(match.start()) == ("macro",) and not re.search(r"\bendmacro\b", found.code[start.end():match.start()]):
                yield found, path, match, users


def in_macro(codes, found, path, match, group, new, users):
    text = splice(found.text, *match.span(group), new)
    return anywhere(codes, {path: text}, (path, found.line(match.start()), found.line(match.end())), *((user.path, 1, 10**6) for user in users))


@kind
def unknown_ref_in_macro(p, rng):
    for found, path, match, users in macro_calls(p, rng, REF):
        if all(user.target(match["name"]) for user in users):
            yield in_macro("unknown-ref", found, path, match, "name", "no_such_model", users)


@kind
def unknown_macro_in_macro(p, rng):
    known = {macro["name"] for macro in p.manifest["macros"].values()}
    for found, path, match, users in macro_calls(p, rng, CALL):
        if match["name"] in known and not match["package"]:
            yield in_macro("unknown-macro jinja-evaluation", found, path, match, "name", "no_such_macro", users)


@kind
def unknown_source(p, rng):
    for model in models(p, rng):
        for match in model.sources()[:1]:
            name = rng.choice(["source", "name"])
            yield told("unknown-source", model.path, model.line(match.start(name)), splice(model.text, *match.span(name), "no_such_source"))


def unknown_macros(is_of_package):
    def make(p, rng):
        for model in models(p, rng):
            if calls := [match for match, _ in model.calls() if bool(match["package"]) == is_of_package]:
                match = rng.choice(calls)
                yield told("unknown-macro", model.path, model.line(match.start("name")), splice(model.text, *match.span("name"), "no_such_macro"))
    return make


KINDS["unknown_macro"] = unknown_macros(False)
KINDS["unknown_macro_of_package"] = unknown_macros(True)


@kind
def wrong_arity(p, rng):
    takes_all = re.compile(r"kwargs|varargs|caller")
    for model in models(p, rng):
        macros = p.manifest["macros"]
        calls = [m for m, uid in model.calls() if uid in macros and not takes_all.search(macros[uid]["macro_sql"])]
        if calls:
            match = rng.choice(calls)
            end = closing(model.code, match.end() - 1)
            before = model.code[match.end():end or 0].strip()
            if end and not before.endswith(","):
                new = rng.choice(["no_such_argument=1", "*range(50)"] if "=" not in before else ["no_such_argument=1"])
                text = splice(model.text, end, end, (", " if before else "") + new)
                yield told("jinja-evaluation", model.path, model.line(match.start()), text, last=model.line(end))


@kind
def jinja_evaluation(p, rng):
    """Beside something that dbt evaluates, something that it can't."""
    yield from beside(p, rng, "jinja-evaluation", "{{ env_var('NO_SUCH_ENV_VAR') }}", "{{ 1 + 'a' }}", "{{ 1 / 0 }}", "{{ ref() }}",
                      "{{ source('one') }}", "{{ fromjson(1, 2, 3, 4) }}", "{{ 'a' | no_such_filter }}",
                      "{{ exceptions.raise_compiler_error('no') }}")


@kind
def jinja_undefined(p, rng):
    """What dbt lets pass when it parses and stops at when it compiles."""
    yield from beside(p, rng, "jinja-evaluation unknown-macro", "{{ no_such_variable.name }}", "{{ none.name() }}", "{{ no_such_package.macro() }}",
                      "{% for x in no_such_variable.names %}{{ x }}{% endfor %}")


@kind
def unknown_var(p, rng):
    yield from beside(p, rng, "unknown-var", "{{ var('no_such_var') }}", "'{{ var(\"no_such_var\") }}'",
                      "{% if var('no_such_var') == 1 %}1{% endif %}")


def beside(p, rng, codes, *variants):
    for model in models(p, rng):
        if found := model.refs() + model.sources():
            match = rng.choice(found)
            yield told(codes, model.path, model.line(match.end()), splice(model.text, match.end(), match.end(), " " + rng.choice(variants)))


@kind
def jinja_syntax(p, rng):
    for model in models(p, rng):
        made = []
        for match in model.refs() + model.sources():
            start, end = match.span()
            line, paren, close = model.line(start), model.text.rindex(")", start, end), model.text.rindex("}}", start, end)
            made.append(told("jinja-syntax", model.path, model.line(paren), splice(model.text, paren, paren + 1, "")))
            new = rng.choice(["{% no_such_tag %}", "{{ 1 + }}", "{{ (1 }}", "{% endif %}", "{% if %}{% endif %}", "{% set = 1 %}", "{{ 1 2 }}"])
            made.append(told("jinja-syntax", model.path, model.line(end), splice(model.text, end, end, " " + new)))
            # Without the end of the tag, Jinja reads on to the next word.
            after = re.compile(r"\s*\S?").match(model.text, end).end()
            made.append(told("jinja-syntax", model.path, line, splice(model.text, close, end, ""), last=model.line(after)))
        for first, last in zip(model.blocks, model.blocks[1:]):
            is_code = model.code[first.start()] == "{" == model.code[last.start()]
            if is_code and not model.around(first.start() - 1) and last[1] and last[2] == first[2]:
                made.append(told("jinja-syntax", model.path, model.line(first.start()), splice(model.text, *last.span(), "")))
        yield from rng.sample(made, min(1, len(made)))
    for path in sorted({path for _, path, _ in p.macros}):
        found = Code(p.text(path) or "")
        # Macros may stand in one another, so only the last one's end is missed where it begins.
        if len(found.blocks) > 1 and found.blocks[-1][1] and found.blocks[-1][2] == found.blocks[-2][2] == "macro" and not found.blocks[-2][1]:
            yield told("jinja-syntax", path, found.line(found.blocks[-2].start()), splice(found.text, *found.blocks[-1].span(), ""))


@kind
def disabled_ref(p, rng):
    for model, match, target in refs(p, rng, own=True):
        if "enabled" not in target.text:
            edits = {target.path: "{{ config(enabled=false) }}\n" + target.text}
            yield anywhere("unknown-ref", edits, (model.path, model.line(match.start()), model.line(match.end())))


@kind
def cycle(p, rng):
    """A model that asks for itself, for one that reads it, or for one that reads such a one."""
    def read(model, target):
        return [(model.path, model.line(m.start()), model.line(m.end())) for m in model.refs() if model.target(m["name"]) == target.uid]
    for model, _, target in refs(p, rng, own=True):
        nearer = [p.by_uid[uid] for uid in sorted(target.deps) if uid in p.by_uid]
        first = rng.choice([target, model, *(node for node in nearer if read(target, node))])
        text, line = at_end(first, f"-- depends_on: {{{{ ref('{model.name}') }}}}")
        between = read(model, target) + (read(target, first) if first in nearer else [])
        yield anywhere("cycle", {first.path: text}, (first.path, line, line), *(between if first is not model else []))


@kind
def private_ref(p, rng):
    for model, match, target in refs(p, rng, own=True):
        said = target.text + (target.patch and p.text(target.patch) or "")
        if not re.search(r"\b(group|access)\b", said) and not target.truth["group"]:
            edits = {target.path: "{{ config(access='private', group='zz_group') }}\n" + target.text}
            edits[f"{target.folder}/zz_groups.yml"] = "groups:\n  - name: zz_group\n    owner: {name: somebody}\n"
            yield anywhere("private-ref", edits, (model.path, model.line(match.start()), model.line(match.end())))


@kind
def ambiguous_ref(p, rng):
    packages = {macro["package_name"] for macro in p.manifest["macros"].values()} - {p.package}
    files = sorted(path for path in p.dir.glob("dbt_packages/*/dbt_project.yml") if path.parent.name in packages)
    files = [path for path in files if "model-paths" not in path.read_text()]
    for model in models(p, rng) if len(files) > 1 else ():
        text, line = at_end(model, "-- depends_on: {{ ref('zz_same') }}")
        names = [path.parent.name for path in rng.sample(files, 2)]
        same = {f"dbt_packages/{name}/models/zz_same.sql": f"{{{{ config(enabled=true, alias='zz_{name}') }}}} select 1 as id\n" for name in names}
        yield told("ambiguous-ref", model.path, line, text, files=same)


# --- Files that are too many ----------------------------------------------------------------------------------------------------

@kind
def duplicate_name(p, rng):
    for model in models(p, rng):
        new = f"{model.folder}/zz_copy/{model.name}.sql"
        yield anywhere("duplicate-name", {new: "select 1 as id\n"}, (new, 1, 1), (model.path, 1, model.head))


@kind
def same_name(p, rng):
    seeds = sorted(n["name"] for n in p.truth["nodes"].values() if n["type"] in ("seed", "snapshot") and n["package"] == p.package)
    for name in shuffled(rng, seeds) if p.folder() else ():
        path = f"{p.folder()}/{name}.sql"
        yield told("same-name", path, 1, f"{{{{ config(alias='zz_{name}') }}}} select 1 as id\n")


@kind
def duplicate_macro(p, rng):
    for name, path, _ in shuffled(rng, p.macros):
        if p.folder("macro") and path.startswith(p.folder("macro")) and (first := re.search(rf"macro\s+{name}\b", p.text(path))):
            new, line = f"{p.folder('macro')}/zz_same.sql", line_at(p.text(path), first.start())
            yield anywhere("duplicate-name", {new: f"{{% macro {name}() %}}1{{% endmacro %}}\n"}, (new, 1, 1), (path, line, line))


@kind
def duplicate_doc(p, rng):
    own = sorted(d["name"] for d in p.truth["docs"].values() if d["package"] == p.package and d["path"].startswith(p.folder() or "-"))
    for name in shuffled(rng, own):
        yield told("duplicate-name", f"{p.folder()}/zz_same.md", 1, f"{{% docs {name} %}}twice{{% enddocs %}}\n")


@kind
def duplicate_source(p, rng):
    own = sorted((s["source"], s["name"], s["path"]) for s in p.truth["sources"].values() if s["package"] == p.package)
    for source, table, path in shuffled(rng, own):
        new = f"{os.path.dirname(path)}/zz_same.yml"
        lines = [line_at(p.text(path), m.start()) for m in re.finditer(rf"name:\s*['\"]?{table}\b", p.text(path) or "")]
        text = f"sources:\n  - name: {source}\n    tables: [{{name: {table}}}]\n"
        yield anywhere("duplicate-name", {new: text}, (new, 2, 3), *((path, line, line) for line in lines))


@kind
def invalid_name(p, rng):
    for model in models(p, rng):
        yield told("invalid-name", f"{model.folder}/zz {model.name}.sql", 1, "select 1 as id\n")


@kind
def ambiguous_relation(p, rng):
    if "generate_alias_name" not in {name for name, *_ in p.macros}:
        for model in models(p, rng, without="schema|database|alias|materialized"):
            if model.truth["materialized"] != "ephemeral":
                new, text = f"{model.folder}/zz_twin.sql", f"{{{{ config(alias='{model.node['alias']}') }}}}\nselect 1 as id\n"
                yield anywhere("ambiguous-relation", {new: text}, (new, 1, 1), (model.path, 1, model.head))


@kind
def unreadable_file(p, rng):
    for model in models(p, rng):
        path = rng.choice([model.path, model.patch or model.path])
        yield told("unreadable-file", path, 1, p.text(path).encode() + b"\n-- \xff\xfe\n", last=10**6)


@kind
def missing_package(p, rng):
    text, installed = p.text("packages.yml"), [path for path in p.dir.glob("dbt_packages/*") if path.is_dir()]
    listed = get(p.tree("packages.yml"), "packages") if text else None
    # dbt only counts: with packages of packages, there may be more installed than listed.
    if items(listed) and not listed.flow_style and len(listed.value) + 1 > len(installed):
        new, line = inserted(text, listed, ["package: acme/no_such_package", "version: 1.0.0"], "- ")
        yield told("missing-package", "packages.yml", line, new, last=line + 1)
    elif text is None and not p.text("dependencies.yml") and not installed:
        yield told("missing-package", "packages.yml", 2, "packages:\n  - package: acme/no_such_package\n    version: 1.0.0\n", last=3)


@kind
def duplicate_package(p, rng):
    for path in sorted(p.dir.glob("dbt_packages/*/dbt_project.yml")):
        if path.parent.name in {macro["package_name"] for macro in p.manifest["macros"].values()}:
            text = f"name: {path.parent.name}\nversion: 1.0.0\n"
            yield anywhere("duplicate-package", {"dbt_packages/zz_same/dbt_project.yml": text}, ("dbt_project.yml", 1, 10**6))


@kind
def broken_package(p, rng):
    """A folder among the packages that is none."""
    if list(p.dir.glob("dbt_packages/*/dbt_project.yml")):
        places = [(path, 1, 10**6) for path in ("dbt_project.yml", "packages.yml", "dependencies.yml")]
        yield anywhere("missing-package project-config", {"dbt_packages/zz_broken/README.md": "nothing\n"}, *places)


# --- Configs --------------------------------------------------------------------------------------------------------------------

def configured(codes, without, *variants):
    """A kind: a config that is put before a model's SQL or into its entry."""
    def make(p, rng):
        for model in models(p, rng, without):
            # An ephemeral model has no relation, so less is asked of it.
            if model.truth["materialized"] in ("table", "view"):
                yield told(codes, model.path, 1, f"{{{{ config({rng.choice(variants)}) }}}}\n{model.text}")
    return make


KINDS["invalid_config"] = configured("invalid-config", r"config\(|access|materialized", "materialized=5", "access='nonsense'", "enabled='maybe'",
                                     "meta=5", "tags=5", "contract='yes'", "docs=1", "grants=1")
KINDS["invalid_microbatch"] = configured("invalid-microbatch", r"config\(|materialized|event_time",
                                         "materialized='incremental', incremental_strategy='microbatch'")


@kind
def invalid_config_in_yaml(p, rng):
    variants = ["materialized: 5", "access: nonsense", "enabled: maybe", "tags: {a: 1}", "meta: 5", "docs: [1]", "contract: yes please"]
    for model, path, text, entry in entries(p, rng, ["config", "access", "tags", "meta", "docs"]):
        if "config(" not in model.text and model.truth["materialized"] in ("table", "view"):
            new, line = inserted(text, entry, ["config:", "  " + rng.choice(variants)])
            yield anywhere("invalid-config invalid-properties", {path: new}, (path, line, line + 1), (model.path, 1, model.head))


@kind
def invalid_contract(p, rng):
    for model in models(p, rng, r"contract|constraints|ephemeral"):
        if model.truth["columns"] and not any(data_type for data_type, _ in model.truth["columns"].values()) and model.node["relation_name"]:
            yield told("invalid-contract", model.path, 1, "{{ config(contract={'enforced': true}) }}\n" + model.text)


@kind
def unknown_group(p, rng):
    for model, path, text, entry in entries(p, rng, ["group", "config"]):
        if "group" not in model.text and rng.random() < 0.5:
            yield told("unknown-group", model.path, 1, "{{ config(group='no_such_group') }}\n" + model.text)
        elif "group" not in model.text:
            new, line = inserted(text, entry, rng.choice([["config:", "  group: no_such_group"], ["group: no_such_group"]]))
            yield told("unknown-group", path, line, new, last=line + 1)


@kind
def unused_config(p, rng):
    text, tree = p.text("dbt_project.yml"), p.tree("dbt_project.yml")
    folders = {part for node in p.manifest["nodes"].values() for part in node["fqn"][1:-1]}

    def below(node, names):
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            yield node
            for k, v in node.value:
                if k.value in names:
                    yield from below(v, folders)
    for mapping in shuffled(rng, [at for section in ("models", "seeds", "snapshots", "sources") for at in below(get(tree, section), {p.package})]):
        new, line = inserted(text, mapping, ["no_such_folder:", "  +enabled: true"])
        yield told("unused-config", "dbt_project.yml", line, new)


@kind
def project_config(p, rng):
    text, tree = p.text("dbt_project.yml"), p.tree("dbt_project.yml")
    name = get(tree, "name")
    if name and name.start_mark.line == name.end_mark.line:
        line, start = name.start_mark.line + 1, text.rindex("name", 0, name.start_mark.index)
        yield told("project-config", "dbt_project.yml", line, instead(text, name, "not-a-name"))
        yield told("project-config", "dbt_project.yml", 1, splice(text, start, start + 4, "# name"), last=line)
        yield told("project-config", "dbt_project.yml", line, instead(text, name, "[unclosed"), last=text.count("\n") + 1)
    for k, v in tree.value if tree else []:
        if k.value == "model-paths" and isinstance(v, yaml.SequenceNode) and v.flow_style:
            yield told("project-config", "dbt_project.yml", v.start_mark.line + 1, instead(text, v, "models"))


@kind
def faulty_hook(p, rng):
    text, tree = p.text("dbt_project.yml"), p.tree("dbt_project.yml")
    for hook in ("on-run-start", "on-run-end"):
        if tree and hook not in keys(tree):
            new = text.rstrip() + f"\n{hook}: \"select * from {{{{ ref('no_such_model') }}}}\"\n"
            yield told("unknown-ref", "dbt_project.yml", new.count("\n"), new)


@kind
def invalid_selector(p, rng):
    variants = [["name: zz", "definition: {method: no_such_method, value: x}"], ["definition: {method: tag, value: x}"], ["name: zz"],
                ["name: zz", "definition: {method: selector, value: no_such_selector}"], ["name: zz", "definition: [a]"],
                ["name: zz", "definition: {union: [{method: tag}]}"], ["name: zz", "definition: {tag: a, path: b}"]]
    text, listed = p.text("selectors.yml"), get(p.tree("selectors.yml"), "selectors")
    for lines in shuffled(rng, variants):
        new, line = inserted(text, listed, lines, "- ") if listed else ("selectors:\n  - " + "\n    ".join(lines) + "\n", 2)
        yield told("invalid-selector", "selectors.yml", line, new, last=line + len(lines) - 1)


# --- Properties -----------------------------------------------------------------------------------------------------------------

def of_pair(name, codes, change):
    """A kind: a change of a pair of a model's or a column's entry. `change` takes the text, the key, the value, the line's end."""
    def make(p, rng):
        for _, path, text, _, found in described(p, rng):
            if found := [pair for pair in found if name in (None, pair[0].value)]:
                k, v, _, end = rng.choice(found)
                new, shift = change(text, k, v, end)
                yield told(codes, path, k.start_mark.line + 1 + shift, new)
    return make


KINDS["unknown_doc"] = of_pair("description", "unknown-doc", lambda text, k, v, end: (instead(text, v, "\"{{ doc('no_such_doc') }}\""), 0))
KINDS["invalid_properties"] = of_pair("description", "invalid-properties", lambda text, k, v, end: (instead(text, v, "[a, b]"), 0))
KINDS["unknown_property"] = of_pair("description", "unknown-property", lambda text, k, v, end: (instead(text, k, "descripton"), 0))
KINDS["duplicate_key"] = of_pair(None, "duplicate-key", lambda text, k, v, end: (
    splice(text, end, end, " " * k.start_mark.column + text[k.start_mark.index:v.end_mark.index] + "\n"), 1))


@kind
def missing_description(p, rng):
    for _, path, text, entry, found in described(p, rng):
        name = get(entry, "name").start_mark
        for k, _, start, end in found:
            if k.value == "description" and k.start_mark.line > name.line:
                yield told("missing-description", path, name.line + 1, splice(text, start, end, ""))


@kind
def stale_description(p, rng):
    p.accept()
    for model, path, _, entry in entries(p, rng):
        if (said := get(entry, "description")) is not None and said.value.strip():
            yield anywhere("stale-description", {model.path: model.text.rstrip().rstrip(";") + "\nlimit 10\n"}, (path, said.start_mark.line + 1, said.end_mark.line + 1))


@kind
def yaml_syntax(p, rng):
    for _, path, text, _, found in described(p, rng):
        k, v, start, end = rng.choice(found)
        at, column = v.start_mark.index, k.start_mark.column
        new = rng.choice([*(instead(text, v, new) for new in ("one: two", '"unclosed', "'it's'", "@at", "{{ x }}")), splice(text, at, at, "["),
                          splice(text, start, start, " "), splice(text, start, start + min(column, 2), "\t"), splice(text, start, start, "}")])
        try:
            yaml.load(new, Loader)
        except yaml.MarkedYAMLError as error:
            yield told("yaml-syntax", path, k.start_mark.line + 1, new, last=max(k.start_mark.line, error.problem_mark.line) + 1)


@kind
def yaml_rendering(p, rng):
    for _, path, text, entry in entries(p, rng, ["config"]):
        value = rng.choice(["{{ env_var('NO_SUCH_ENV_VAR') }}", "{{ no_such_function() }}", "{{ 1 + }}", "{{ var('no_such_var') }}", "{% if %}"])
        new, line = inserted(text, entry, rng.choice([["config:", f'  alias: "{value}"'], ["config:", f'  meta: {{owner: "{value}"}}']]))
        yield told("yaml-rendering", path, line + 1, new)


@kind
def unknown_test(p, rng):
    for path, text, test in column_tests(p, rng):
        name = test if isinstance(test, yaml.ScalarNode) else test.value[0][0]
        new = rng.choice(["no_such_test", "no_such_test", "no_such_package.not_null", "dbt.no_such_test"])
        yield told("unknown-test", path, name.start_mark.line + 1, instead(text, name, new))


@kind
def malformed_test(p, rng):
    for path, text, test in column_tests(p, rng):
        if isinstance(test, yaml.ScalarNode):
            new = rng.choice(["unique: [1]", "5", "{unique: {}, not_null: {}}", "not_null:", "[unique]"])
            yield told("malformed-test", path, test.start_mark.line + 1, instead(text, test, new))


@kind
def unknown_ref_in_yaml(p, rng):
    def changed(path, text, node):
        if isinstance(node, yaml.ScalarNode) and (match := re.search(r"ref\(['\"](\w+)['\"]\)", text[node.start_mark.index:node.end_mark.index])):
            at = node.start_mark.index + match.start(1)
            yield told("unknown-ref", path, line_at(text, at), splice(text, at, at + len(match[1]), typo(rng, match[1], p.names)))
    for exposure in p.truth["exposures"].values():
        for entry in items(get(p.tree(exposure["path"]), "exposures")) if exposure["package"] == p.package else []:
            for item in items(get(entry, "depends_on"), yaml.ScalarNode)[:1]:
                yield from changed(exposure["path"], p.text(exposure["path"]), item)
    for path, text, test in column_tests(p, rng):
        if isinstance(test, yaml.MappingNode) and test.value[0][0].value == "relationships":
            yield from changed(path, text, get(get(test.value[0][1], "arguments") or test.value[0][1], "to"))


@kind
def entry_without_node(p, rng):
    for model, path, text, entry in entries(p, rng):
        name = get(entry, "name")
        yield told("entry-without-node", path, name.start_mark.line + 1, instead(text, name, typo(rng, model.name, p.names)))


@kind
def duplicate_entry(p, rng):
    for model, path, text, entry in entries(p, rng):
        new, line = inserted(text, get(p.tree(path), "models"), [f"name: {model.name}"], "- ")
        first = get(entry, "name").start_mark.line + 2
        yield anywhere("duplicate-entry", {path: new}, (path, line, line), (path, first, first))


@kind
def old_tests(p, rng):
    for _, path, text, entry, _ in described(p, rng):
        for k, _ in entry.value:
            if k.value == "data_tests":
                yield told("deprecated", path, k.start_mark.line + 1, instead(text, k, "tests"))


# --- Columns and SQL ------------------------------------------------------------------------------------------------------------

@kind
def column_not_made(p, rng):
    for model, path, text, _, columns in columned(p, rng):
        if known := {name.lower() for name in p.columns(model.uid) or ()}:
            name = get(rng.choice(items(columns)), "name")
            if name and name.value.lower() in known and rng.random() < 0.5:
                yield told("column-not-made", path, name.start_mark.line + 1, instead(text, name, typo(rng, name.value.lower(), known)))
            else:
                new, line = inserted(text, columns, ["name: no_such_column"], "- ")
                yield told("column-not-made", path, line, new)


@kind
def missing_column(p, rng):
    for model, path, text, entry, columns in columned(p, rng):
        made, names = {name.lower() for name in p.columns(model.uid) or ()}, [str(named(column)).lower() for column in items(columns)]
        found = [at for at, name in enumerate(names[:-1]) if name in made]
        # The hint names all columns that lack, so there must be none yet.
        if made <= set(names) and found and len(set(names)) == len(names):
            at = rng.choice(found)
            start, end = ((mark := items(columns)[i].start_mark).index - mark.column for i in (at, at + 1))
            if text[start:].lstrip().startswith("- "):
                yield told("missing-column", path, get(entry, "name").start_mark.line + 1, splice(text, start, end, ""))


@kind
def test_on_unknown_column(p, rng):
    known = sorted(uid for uid in p.manifest["nodes"] if uid.startswith(("model.", "seed.")) and p.columns(uid))
    whole = [["not_null:", "    arguments: {column_name: no_such_column}"]]
    if "macro.dbt_utils.test_unique_combination_of_columns" in p.manifest["macros"]:
        whole.append(["dbt_utils.unique_combination_of_columns:", "    arguments: {combination_of_columns: [no_such_column]}"])
    for model, path, text, entry, columns in columned(p, rng, ["data_tests", "tests"]):
        free = [column for column in items(columns) if not keys(column) & {"data_tests", "tests"}]
        if p.columns(model.uid) and rng.random() < 0.5:
            name, arguments = rng.choice(whole)
            new, line = inserted(text, entry, ["data_tests:", f"  - {name}", f"  {arguments}"])
            yield told("test-on-unknown-column", path, line + 1, new, last=line + 2)
        elif known and free:
            arguments = f"{{to: ref('{rng.choice(known).split('.')[-1]}'), field: no_such_column}}"
            new, line = inserted(text, rng.choice(free), ["data_tests:", "  - relationships:", f"      arguments: {arguments}"])
            yield told("test-on-unknown-column", path, line + 2, new)


@kind
def unknown_column(p, rng):
    """A column of an alias of a ref or of a CTE; in a model of its own where there is no such one."""
    words = "on|where|left|right|join|inner|group|order|using|cross|full|union|limit|qualify|having"
    alias_of = re.compile(rf"\s+(?:as\s+)?(?!(?:{words})\b)([a-z]\w*)", re.I)
    for model in models(p, rng):
        sources, made = {}, []
        for match in model.refs():
            if alias := alias_of.match(model.code, match.end()):
                sources[alias[1]] = p.columns(model.target(match["name"]))
        for name, (body, before) in model.ctes(model.plain() or "", {})[0].items():
            if len(re.findall(rf"(?<![.\w]){name}\s+as\s*\(", model.code, re.I)) == 1:
                sources[name] = model.columns_of(body, before)
        for name, columns in sources.items():
            # One table of that name: otherwise it isn't sure which one is meant.
            if columns and len(re.findall(rf"\b(?:as|from|join|\}}\}})\s+{name}\b(?!\s*\()", model.code, re.I)) == 1:
                for used in re.finditer(rf"(?<![.\w]){name}\.(\w+)(?![.\w(])", model.code):
                    if used[1].lower() in {column.lower() for column in columns} and not model.around(used.start()):
                        text = splice(model.text, *used.span(1), "no_such_column")
                        made.append(told("unknown-column", model.path, model.line(used.start()), text))
        yield from rng.sample(made, min(1, len(made)))
    for model in shuffled(rng, [model for model in p.models if p.columns(model.uid)]):
        sql = f"with other as (\n    select * from {{{{ ref('{model.name}') }}}}\n)\nselect\n    other.no_such_column\nfrom other\n"
        yield told("unknown-column", f"{model.folder}/zz_reader.sql", 5, sql)


@kind
def hard_coded(p, rng):
    for model in models(p, rng):
        found = [(m, f"source.{p.package}.{m['source']}.{m['name']}") for m in model.sources()] + [(m, model.target(m["name"])) for m in model.refs()]
        match, uid = rng.choice(found) if found else (None, None)
        node = p.manifest["nodes"].get(uid) or p.manifest["sources"].get(uid) or {}
        if node.get("relation_name") and re.search(r"\b(from|join)\s+$", model.code[:match.start()], re.I):
            short = f"{node['schema']}.{node.get('alias') or node.get('identifier')}"
            name = rng.choice([short, node["relation_name"]]) if re.fullmatch(r"\w+\.\w+", short) else node["relation_name"]
            yield told("hard-coded-relation", model.path, model.line(match.start()), splice(model.text, *match.span(), name))


@kind
def unused_cte(p, rng):
    for model in models(p, rng):
        match = re.match(r"(?:\s|\{\{-?\s*config\([^{}]*\)\s*-?\}\})*with\s+(?!recursive)(\w+)\s+as\s*\(", model.code, re.I)
        if match:
            text = splice(model.text, match.start(1), match.start(1), "zz_unused as (\n    select 1 as id\n),\n")
            yield told("unused-cte", model.path, model.line(match.start(1)), text)


# --- Files of their own ---------------------------------------------------------------------------------------------------------

UNIT = """unit_tests:
  - name: zz_unit
    model: {model}
    given:
      - input: ref('{dep}')
        rows: []
    expect: {{rows: [{{id: 1}}]}}
"""
SEMANTIC = """semantic_models:
  - name: zz_semantic
    model: ref('{model}')
    defaults: {{agg_time_dimension: zz_day}}
    entities: [{{name: zz_id, type: primary}}]
    dimensions: [{{name: zz_day, type: time, type_params: {{time_granularity: day}}}}]
    measures: [{{name: zz_sum, agg: sum, expr: '1'}}]
metrics:
  - name: zz_metric
    label: Metric
    type: simple
    type_params: {{measure: zz_sum}}
"""
SNAPSHOT = "snapshots:\n  - name: zz_snapshot\n    relation: ref('{model}')\n    config: {{{config}}}\n"
CHECK = "strategy: check, check_cols: all, unique_key: id"
EXPOSURE = "exposures:\n  - name: zz_board\n    type: dashboard\n    owner: {{name: x}}\n    depends_on: [{dep}]\n"
QUERY = "saved_queries:\n  - name: zz_query\n    query_params: {{metrics: [no_such_metric]}}\n"
SPINE = "models:\n  - name: {model}\n    time_spine: {{standard_granularity_column: no_such_column}}\n    columns: [{{name: id, granularity: day}}]\n"
PYTHON = "def model(dbt, session):\n    return dbt.ref('{model}')\n"
DERIVED = ("type: simple\n    type_params: {{measure: zz_sum}}", "type: derived\n    type_params: {{expr: a, metrics: [no_such_metric]}}")
# Kind, ending, code, what is right, what is changed of it and to what, the first and the last line of the fault.
# `{model}` stands for a model, `{dep}` for one that it reads.
FILES = [
    ("unknown_fixture", "yml", "unknown-fixture", UNIT, "rows: []", "format: csv\n        fixture: no_such_fixture", 2, 7),
    ("unknown_model", "yml", "unknown-model", UNIT, "{model}", "no_such_model", 2, 3),
    ("invalid_unit_test", "yml", "invalid-unit-test", UNIT, "        rows: []\n", "", 2, 5),
    *(("invalid_snapshot", "yml", "invalid-snapshot", SNAPSHOT, "{config}", config, 2, 4) for config in (
        "strategy: timestamp, unique_key: id", "strategy: check, unique_key: id", "unique_key: id", "strategy: timestamp, updated_at: day")),
    ("unknown_metric", "yml", "unknown-metric", EXPOSURE, "{dep}", "metric('no_such_metric')", 2, 5),
    ("unknown_metric", "yml", "unknown-metric", QUERY, "", "", 2, 3),
    ("unknown_metric", "yml", "unknown-metric semantic-layer", SEMANTIC, *DERIVED, 9, 12),
    ("unknown_metric", "yml", "unknown-metric semantic-layer", SEMANTIC, "measure: zz_sum", "measure: no_such_measure", 9, 12),
    ("semantic_layer", "yml", "semantic-layer invalid-properties", SEMANTIC, "zz_metric", "Not A Name", 9, 9),
    ("semantic_layer", "yml", "semantic-layer", SEMANTIC, "zz_id", "Zz__id", 5, 5),
    ("semantic_layer", "yml", "semantic-layer", SEMANTIC, "    defaults: {{agg_time_dimension: zz_day}}\n", "", 2, 6),
    ("semantic_layer", "yml", "semantic-layer", SEMANTIC, "agg_time_dimension: zz_day", "agg_time_dimension: no_such_day", 2, 7),
    ("semantic_layer", "yml", "semantic-layer", SEMANTIC, "type: primary", "type: foreign", 2, 7),
    ("invalid_enum", "yml", "invalid-properties", SEMANTIC, "agg: sum", "agg: no_such_agg", 7, 7),
    ("invalid_enum", "yml", "invalid-properties", SEMANTIC, "type: simple", "type: no_such_type", 9, 11),
    ("invalid_enum", "yml", "invalid-properties", SEMANTIC, "time_granularity: day", "time_granularity: no_such_day", 6, 6),
    ("invalid_enum", "yml", "invalid-properties", EXPOSURE.replace("{dep}", ""), "type: dashboard", "type: no_such_type", 3, 3),
    ("lacking_property", "yml", "invalid-properties", EXPOSURE.replace("{dep}", ""), "    owner: {{name: x}}\n", "", 2, 4),
    ("lacking_property", "yml", "invalid-properties", UNIT, "    expect: {{rows: [{{id: 1}}]}}\n", "", 2, 6),
    ("lacking_property", "yml", "invalid-properties", SEMANTIC, "    type: simple\n", "", 9, 11),
    ("unknown_ref_of_file", "yml", "unknown-ref", EXPOSURE, "{dep}", "ref('no_such_model')", 2, 5),
    ("unknown_ref_of_file", "yml", "unknown-source", EXPOSURE, "[{dep}]", "\n      - source('no_such', 'table')", 2, 6),
    ("unknown_ref_of_file", "yml", "unknown-ref", SEMANTIC, "{model}", "no_such_model", 2, 3),
    ("unknown_ref_of_file", "yml", "unknown-ref", UNIT, "{dep}", "no_such_model", 2, 5),
    ("unknown_ref_of_file", "yml", "unknown-ref", SNAPSHOT.replace("{config}", CHECK), "{model}", "no_such_model", 2, 3),
    *(("entry_of_nothing", "yml", "entry-without-node", f"{section}:\n  - name: no_such_name\n", "", "", 2, 2) for section in (
        "models", "seeds", "snapshots", "analyses", "macros")),
    ("invalid_time_spine", "yml", "invalid-time-spine", SPINE, "", "", 1, 4),
    ("python_syntax", "py", "python-syntax", PYTHON, "):", ")", 1, 2),
    ("python_syntax", "py", "python-syntax", PYTHON, "')", "'", 2, 3),
    ("python_syntax", "py", "python-syntax", PYTHON, "    return", "return", 1, 2),
    ("invalid_python_model", "py", "invalid-python-model", PYTHON, "model(dbt", "other(dbt", 1, 1),
    ("invalid_python_model", "py", "invalid-python-model", PYTHON, "return ", "x = ", 1, 2),
    ("invalid_python_model", "py", "invalid-python-model", PYTHON, "dbt, session", "session", 1, 1),
]


def from_file(name):
    def make(p, rng):
        for model in models(p, rng):
            _, ending, codes, text, old, new, first, last = rng.choice([row for row in FILES if row[0] == name])
            made = text.replace(old, new) if old else text
            deps = sorted(uid.split(".")[-1] for uid in model.deps if uid in p.by_uid)
            # A semantic model needs a relation; a second entry would be a fault of its own.
            is_fit = not (text is SPINE and model.patch) and not (text is SEMANTIC and not model.node["relation_name"])
            if not is_fit or "{dep}" in made and not deps:
                continue
            path = f"{model.folder}/zz_fault.{ending}"
            edits = {path: made.format(model=model.name, dep=deps[0] if deps else "")}
            yield anywhere(codes, edits, (path, first, last), *([(model.path, 1, model.head)] if text is SPINE else []))
    return make


KINDS.update({name: from_file(name) for name in dict.fromkeys(row[0] for row in FILES)})

"""The house stays one to live in: what import-linter cannot say of folders, sizes, names and untyped documents."""

import ast
from collections import defaultdict
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
UNTYPED = "dict[str, Any]"
MOST_UNTYPED = 75
"""A tenth of what there was; what is left is JSON of others: Kubernetes, Envoy, Triton, Kubeflow, OpenTelemetry."""


def sources():
    return [path for path in SERVICES.rglob("*.py") if "migrations" not in path.parts]


def modules():
    """File by the name under which it is imported."""
    names = {}
    for path in sources():
        parts = path.relative_to(SERVICES).with_suffix("").parts[1:]
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


def imported(path):
    """Names that a file imports, wherever in it they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(names):
    """Which folder imports from which, with the files that do."""
    found = defaultdict(set)
    for path in names.values():
        for name in imported(path):
            while name and name not in names:
                name = name.rpartition(".")[0]
            if name and names[name].parent != path.parent:
                found[path.parent, names[name].parent].add(f"{path.name} -> {names[name].name}")
    return found


def both_ways(found):
    """Pairs of folders side by side, or one in the other below the package, that import each other."""
    told = []
    for (one, other), files in found.items():
        nested = one in other.parents or other in one.parents
        if str(one) < str(other) and (other, one) in found and not nested:
            told.append((one.name, other.name, sorted(files), sorted(found[other, one])))
    return told


def test_the_checker_sees_two_folders_that_import_each_other(tmp_path):
    for folder, other in (("left", "right"), ("right", "left")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "room.py").write_text(f"from {other}.room import thing\n")
    names = {f"{folder}.room": tmp_path / folder / "room.py" for folder in ("left", "right")}
    assert [pair[:2] for pair in both_ways(arrows(names))] == [("left", "right")]


def test_no_two_folders_import_each_other():
    assert both_ways(arrows(modules())) == []


def test_no_file_is_longer_than_three_hundred_lines():
    long = {str(path): len(path.read_text().splitlines()) for path in sources()}
    assert {path: lines for path, lines in long.items() if lines > 300} == {}


def test_every_module_opens_with_a_sentence():
    silent = [
        str(path)
        for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_what_travels_is_named_once():
    """A type of the contracts has no namesake in another package."""
    places = defaultdict(set)
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].add(str(path.relative_to(SERVICES)))
    contracts = {
        name for name, files in places.items() if any(file.startswith("contracts/") for file in files)
    }
    assert {name: files for name, files in places.items() if name in contracts and len(files) > 1} == {}


def test_untyped_documents_do_not_come_back():
    counts = {str(path.relative_to(SERVICES)): path.read_text().count(UNTYPED) for path in sources()}
    total = sum(counts.values())
    assert total <= MOST_UNTYPED, sorted(counts.items(), key=lambda item: -item[1])[:15]

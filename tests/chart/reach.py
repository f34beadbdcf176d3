"""What an image must hold so that its code can be imported: found from the source, tried in a process that has no more.

`python -m tests.chart.reach <image> <module> ...` imports the modules as if only the image's distributions and
packages were installed.
"""

import ast
import importlib
import importlib.metadata
import re
import runpy
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "requirements" / "images"
FOLDERS = {
    package.name: folder.name
    for folder in sorted((ROOT / "services").iterdir())
    for package in sorted(folder.glob("millrace*"))
    if (package / "__init__.py").exists()
}
"""Folder below services/ of each package of ours."""
NAMED = re.compile(rf"((?:{'|'.join(FOLDERS)})(?:\.\w+)+)(?::\w+)?")
"""A module named in a string: an argument of `-m`, or "module:function"."""
LOCKED = runpy.run_path(str(IMAGES / "locked.py"))
"""What images install, by the code that installs it."""
normal: Callable[[str], str] = LOCKED["normal"]
"""A distribution's name as it is compared."""


@cache
def pinned(image: str) -> frozenset[tuple[str, str]]:
    """Distributions of an image with their versions."""
    return frozenset((item.name, item.version) for item in LOCKED["requirements"](image))


def distributions(image: str) -> set[str]:
    """Names of an image's distributions."""
    return {name for name, _ in pinned(image)}


def source(module: str) -> Path | None:
    """The file of one of our modules; None for anything else."""
    top, *rest = module.split(".")
    if top not in FOLDERS:
        return None
    path = (ROOT / "services" / FOLDERS[top] / top).joinpath(*rest)
    found = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in found if file.is_file()), None)


@cache
def named(file: Path) -> frozenset[str]:
    """Every module that a file may import, also late, and every one it names in a string; not those for types alone."""
    return frozenset(_named(_Run().visit(ast.parse(file.read_text()))))


class _Run(ast.NodeTransformer):
    """Takes away what only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and (match := NAMED.fullmatch(str(node.value))):
            yield match[1]


def reach(entries: Sequence[str], elsewhere: Sequence[str] = ()) -> tuple[set[str], dict[str, str]]:
    """Our modules that *entries* lead to, and other people's with one module of ours that asks for each.

    Args:
        elsewhere: modules that run in another image although they are named here.
    """
    ours: set[str] = set()
    others: dict[str, str] = {}
    todo = list(entries)
    while todo:
        module = todo.pop()
        file = source(module)
        if module in ours or file is None:
            continue
        ours.add(module)
        todo += [module.rpartition(".")[0]] if "." in module else []
        for name in named(file):
            top = name.partition(".")[0]
            if top in FOLDERS:
                todo += [] if name in elsewhere else [name]
            elif top not in sys.stdlib_module_names:
                others.setdefault(top, module)
    return ours, others


def left_out(installed: set[str]) -> set[str]:
    """Modules of other people's that an image deletes after it has installed them."""
    install = runpy.run_path(str(IMAGES / "install.py"))
    site = Path(sysconfig.get_path("purelib"))
    patterns = install["LEAVE_OUT"] + (() if "scikit-learn" in installed else install["FOR_LEARNING"])
    plain = [pattern for pattern in patterns if not pattern.startswith("**")]
    paths = [path.relative_to(site) for pattern in plain for path in site.glob(pattern)]
    return {".".join([*path.parent.parts, path.name.partition(".")[0]]) for path in paths}


class Only(MetaPathFinder):
    """To this process nothing is installed but the distributions and packages that are given."""

    def __init__(self, installed: set[str], packages: set[str]) -> None:
        self.packages = packages
        self.deleted = left_out(installed)
        self.refused = {
            top
            for top, owners in importlib.metadata.packages_distributions().items()
            if not any(normal(owner) in installed for owner in owners)
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if (
            name in self.deleted
            or top in self.refused
            or (top in FOLDERS and FOLDERS[top] not in self.packages)
        ):
            raise ModuleNotFoundError(f"{name} is not in this image", name=name)
        return None


def pretend(image: str, packages: set[str]) -> None:
    """Let this process see what the image has."""
    sys.meta_path.insert(0, Only(distributions(image), packages))


def main(image: str, packages: str, modules: Sequence[str]) -> None:
    """Import *modules* as the image would."""
    pretend(image, set(packages.split(",")))
    for module in modules:
        importlib.import_module(module)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

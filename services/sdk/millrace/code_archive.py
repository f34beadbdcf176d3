"""Packs a folder with training code into one file that is the same wherever it is packed, and unpacks it with care.

It is not compressed: another library would compress it otherwise, and the digest of the same code would differ.
"""

import ast
import io
import os
import tarfile
from pathlib import Path

from millrace_contracts.custom_code import MOST_BYTES, MOST_FILES

LEFT_OUT = {
    "__pycache__",
    ".git",
    ".hg",
    ".svn",
    ".ipynb_checkpoints",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
}
"""Folders that are made by tools."""


class BadCode(Exception):
    """The folder, or the packed file, cannot be taken; *mend* says what to do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what} {mend}")
        self.what, self.mend = what, mend


def pack(folder: Path, entry: str | None = None) -> bytes:
    """The files of *folder* as a tar archive: sorted, without owners, times and links.

    Args:
        entry: module:function that must be in it; None: whatever is there.
    Raises: BadCode.
    """
    if not folder.is_dir():
        raise BadCode(f"{folder} is no folder.", "Name the folder with the training code.")
    files = _files(folder.resolve())
    if not files:
        raise BadCode(f"{folder} has no files.", "Put the training code into it.")
    if entry is not None:
        _has(files, entry, folder)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8") as tar:
        for name, path in sorted(files.items()):
            content, member = path.read_bytes(), tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if os.access(path, os.X_OK) else 0o644
            try:
                tar.addfile(member, io.BytesIO(content))
            except ValueError as error:
                raise BadCode(f"The name {name} is too long.", "Shorten it.") from error
    return archive.getvalue()


def _files(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    size = 0
    for place, folders, names in os.walk(root):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if name not in LEFT_OUT and not _is_environment(here / name)
        )
        for path in [*(here / name for name in folders), *(here / name for name in sorted(names))]:
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BadCode(
                    f"{path.relative_to(root)} leads out of the folder.", "Put a copy there instead."
                )
            if path.is_symlink() and path.is_dir():
                raise BadCode(
                    f"{path.relative_to(root)} is a link to a folder.", "Put the folder there instead."
                )
        for path in (here / name for name in names if not name.endswith((".pyc", ".pyo"))):
            if path.is_file():
                found[path.relative_to(root).as_posix()] = path
                size += path.stat().st_size
        if len(found) > MOST_FILES or size > MOST_BYTES:
            raise BadCode(
                f"{root} has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB.",
                "Leave data and environments outside of it.",
            )
    return found


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def _has(files: dict[str, Path], entry: str, folder: Path) -> None:
    module, _, name = entry.partition(":")
    base = module.replace(".", "/")
    path = files.get(f"{base}.py") or files.get(f"{base}/__init__.py")
    if path is None:
        raise BadCode(
            f"{folder} has no {base}.py, which entry {entry} names.", "Write entry as module:function."
        )
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise BadCode(
            f"{path}:{line}: {getattr(error, 'msg', error)}.", "Mend it, and apply again."
        ) from error
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names |= {
        item.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for item in node.targets
        if isinstance(item, ast.Name)
    }
    if name not in names and "*" not in names:
        raise BadCode(
            f"{path} defines no {name}, which entry {entry} names.", "Write entry as module:function."
        )


def unpack(archive: bytes, folder: Path) -> None:
    """Write the files of a packed folder below *folder*; plain files with plain names alone. Raises: BadCode."""
    if len(archive) > 2 * MOST_BYTES:
        raise BadCode("The packed code is too large.", "Pack it with 'millrace code push'.")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        members = tar.getmembers()
        if len(members) > MOST_FILES or sum(member.size for member in members) > MOST_BYTES:
            raise BadCode("The packed code is too large.", "Pack it with 'millrace code push'.")
        for member in members:
            target = folder / member.name
            plain = member.isreg() and not member.issparse()
            if (
                not plain
                or member.name.startswith("/")
                or ".." in Path(member.name).parts
                or "\0" in member.name
            ):
                raise BadCode(
                    f"{member.name!r} is no plain file within the folder.",
                    "Pack it with 'millrace code push'.",
                )
            content = tar.extractfile(member)
            assert content is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
            target.chmod(0o755 if member.mode & 0o100 else 0o644)

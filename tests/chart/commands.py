"""Holds one call of kubectl, helm or millrace to what the real tool knows, without a cluster."""

import ast
import contextlib
import functools
import itertools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml
from tests.chart import resources, tools
from tests.chart.howtos import Document, Mistake, documents
from tests.chart.rendering import CHART, Object, case_objects, render

Call = list[str]
FLAG = re.compile(r"(?<![\w-])(--[a-z][\w-]*|-[a-zA-Z])(?=[\s,=])")
NESTED = ("create secret", "create", "rollout", "config", "auth")
"""Commands of kubectl that are followed by another word."""
MADE = ("secret", "configmap", "namespace")
"""What `kubectl create` makes without asking a cluster."""
VALUES = ("-f", "--values", "--set", "--set-json", "--set-string")
KINDS = {
    "deployment": "Deployment", "statefulset": "StatefulSet", "svc": "Service", "service": "Service",
    "persistentvolumeclaim": "PersistentVolumeClaim",
}  # fmt: skip


def flags(call: Call) -> list[str]:
    """Names of the flags of a call, without their values; what follows `--` is somebody else's."""
    own = call[: call.index("--")] if "--" in call else call
    return [word.partition("=")[0] for word in own[1:] if re.match(r"--?[a-zA-Z]", word)]


def words(call: Call) -> Call:
    """The words of a call before its first flag."""
    return call[1 : next((place for place, word in enumerate(call) if word.startswith("-")), len(call))]


@functools.cache
def _known(*command: str) -> frozenset[str]:
    """Flags in the help of a command. Raises: Mistake if there is no such command."""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    if done.returncode or "unknown" in done.stderr.lower():
        raise Mistake(f"{' '.join(Path(word).name for word in command)}: {done.stderr.strip()[:200]}")
    return frozenset(FLAG.findall(done.stdout))


@functools.cache
def _options() -> frozenset[str]:
    """Flags that every command of kubectl has."""
    done = subprocess.run([tools.kubectl(), "options"], capture_output=True, text=True, check=True)
    return frozenset(FLAG.findall(done.stdout))


def _refuse_unknown(call: Call, known: frozenset[str]) -> None:
    if unknown := set(flags(call)) - known:
        raise Mistake(f"{' '.join(call)}: there is no {', '.join(sorted(unknown))}")


def check(call: Call, folder: Path) -> None:
    """Hold a call to its tool. Raises: Mistake, or what the renderer or a schema says."""
    CHECKS[call[0]](call, folder)


def _kubectl(call: Call, folder: Path) -> None:
    nested = next((name for name in NESTED if " ".join(words(call)).startswith(name + " ")), "")
    length = len(nested.split()) + 1 if nested else 1
    command = [str(tools.kubectl()), *call[1 : 1 + length]]
    _refuse_unknown(call, _known(*command) | _options())
    _names(call)
    if call[1] == "create" and call[2] in MADE:
        _made(call, folder)
    if call[1] in ("apply", "kustomize"):
        for found in _applied(call, folder):
            resources.check(found)
    for option in ("-p", "--patch"):
        if option in call:
            json.loads(call[call.index(option) + 1])


def _made(call: Call, folder: Path) -> None:
    """`kubectl create`, as a dry run that needs no cluster."""
    command = [str(tools.kubectl()), *call[1:], "--dry-run=client", "-o", "yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Mistake(f"{' '.join(call)}: {done.stderr}")
    made = yaml.safe_load(done.stdout)
    resources.check(made)
    if made["kind"] in ("Secret", "ConfigMap"):
        wanted = referred(case_objects("production")).get(made["metadata"]["name"])
        if wanted is not None and not wanted <= set(made.get("data", {})):
            raise Mistake(f"{made['metadata']['name']} lacks {sorted(wanted - set(made.get('data', {})))}")


def referred(objects: list[Object]) -> dict[str, set[str]]:
    """Keys that the pods of the chart read, by the name of the Secret or ConfigMap."""
    found: dict[str, set[str]] = {"millrace-tls": {"tls.crt", "tls.key"}}
    for match in re.finditer(r'"(?:secretKeyRef|configMapKeyRef)": (\{[^}]*\})', json.dumps(objects)):
        reference = json.loads(match[1])
        found.setdefault(reference["name"], set()).add(reference["key"])
    for match in re.finditer(r'"configMap": (\{"name": "company-ca"[^]]*\]\})', json.dumps(objects)):
        found["company-ca"] = {item["key"] for item in json.loads(match[1])["items"]}
    return found


def _applied(call: Call, folder: Path) -> list[Document]:
    """What `kubectl apply -f` or `-k`, or `kubectl kustomize`, is given."""
    options = dict(itertools.pairwise(call))
    if "-f" in options:
        return documents(folder / options["-f"])
    given = [options["-k"]] if "-k" in options else call[2:]
    command = [str(tools.kubectl()), "kustomize", *given]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Mistake(f"{' '.join(call)}: {done.stderr}")
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


@functools.cache
def _there() -> frozenset[tuple[str, str]]:
    """Kind and name of everything that the chart makes."""
    objects = case_objects("default") + case_objects("production")
    return frozenset((found["kind"], found["metadata"]["name"]) for found in objects)


def _names(call: Call) -> None:
    """Objects of the release that a command names are those that the chart makes."""
    given = [word.split("/") for word in call if re.match(r"\w+/millrace-", word)]
    if len(words(call)) > 1 and words(call)[1] in KINDS:
        given += [[words(call)[1], word] for word in call[3:] if word.startswith("millrace-")]
    for sort, name in given:
        if sort in KINDS and (KINDS[sort], name) not in _there():
            raise Mistake(f"{' '.join(call)}: the chart makes no {sort} {name}")


def _helm(call: Call, folder: Path) -> None:
    _refuse_unknown(call, _known(str(tools.helm()), *words(call)[:1]))
    shown = [value for option, value in itertools.pairwise(call) if option == "--show-only"]
    if lost := [path for path in shown if not (CHART / path).exists()]:
        raise Mistake(f"{' '.join(call)}: the chart has no {', '.join(lost)}")
    if call[1] in ("install", "upgrade", "template"):
        chart = folder / next(word for word in call if word.startswith("charts/"))
        _rendered(chart.resolve(), _positional(call), tuple(given(call, folder)))


@functools.cache
def _rendered(chart: Path, release: str, arguments: tuple[str, ...]) -> None:
    """Once for each way in which a page renders a chart."""
    resources.check_rendered(render(*arguments, chart=chart, release=release), CHART.samefile(chart))


def _positional(call: Call) -> str:
    """The release's name: the word before the chart."""
    return call[next(place for place, word in enumerate(call) if word.startswith("charts/")) - 1]


def given(call: Call, folder: Path) -> list[str]:
    """The arguments of a call that give values, with the files of *folder*."""
    found: list[str] = []
    for option, value in itertools.pairwise(call):
        if option in VALUES:
            found += [option, str(folder / value) if option in ("-f", "--values") else value]
    return found


def _millrace(call: Call, folder: Path) -> None:
    from typer.main import get_command

    from millrace.cli.main import app

    command, rest = get_command(app), call[1:]
    while rest and rest[0] in ("--project", "--home"):
        rest = rest[2:]
    context = command.make_context("millrace", list(rest), resilient_parsing=True)
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            raise Mistake(f"{' '.join(call)}: there is no such command")
        command, rest = command.commands[rest[0]], rest[1:]
    with contextlib.chdir(folder):
        command.make_context(call[-1], list(rest), parent=context)


def _python(call: Call, folder: Path) -> None:
    """A line of Python that uses the SDK: it parses, and what it calls is there."""
    from millrace.client import Millrace
    from millrace.client.registry import Registry

    tree = ast.parse(call[call.index("-c") + 1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not any(
            hasattr(place, node.attr) for place in (Millrace, Registry)
        ):
            raise Mistake(f"{' '.join(call)}: there is no {node.attr}")


def _curl(call: Call, folder: Path) -> None:
    done = subprocess.run(["curl", "--help", "all"], capture_output=True, text=True, check=True)
    _refuse_unknown(call, frozenset(FLAG.findall(done.stdout)))


def _postgresql(call: Call, folder: Path) -> None:
    """Run for real by tests/chart/test_backup.py where the server is ours; here its flags."""
    _refuse_unknown(call, _known(str(resources.postgresql() / call[0])))


CHECKS: dict[str, Callable[[Call, Path], None]] = {
    "kubectl": _kubectl, "helm": _helm, "millrace": _millrace, "python": _python, "pg_dump": _postgresql,
    "pg_restore": _postgresql, "curl": _curl,
}  # fmt: skip

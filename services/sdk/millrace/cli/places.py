"""Where the rows of a scoring are and where its answers go, from the words of a command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.cli.command import fail

if TYPE_CHECKING:
    from millrace_contracts.sinks import Sink
    from millrace_contracts.sources import RowSource

STORES = ("s3://", "gs://", "az://")
WHICH = "--query 'SELECT * FROM customers'"


@dataclass(frozen=True)
class Places:
    """Rows that the platform fetches, if not this machine's files; and where it writes, if not to files brought here.

    addressed: the source was named by its address, not by a YAML file.
    """

    source: "RowSource | None"
    sink: "Sink | None"
    addressed: bool


def places(
    source: str | None,
    query: str | None,
    out: str | None,
    table: str | None,
    connection: str | None,
    secrets: list[str],
    options: list[str],
) -> Places:
    """The two places; secrets and options go to the one whose they are, to two buckets alike."""
    from millrace import addresses

    try:
        named, more = dict(map(addresses.secret, secrets)), dict(map(addresses.option, options))
        written, addressed = _written(source), None
        if source is not None and written is None:
            addressed = _addressed(source, query, named, more)
        sink = _sink(table, connection, out, named, more)
    except addresses.NoPlace as error:
        fail(str(error), error.mend)
    found = Places(written or addressed, sink, addressed is not None)
    _check_used(found, query, named, more)
    return found


def _written(source: str | None) -> "RowSource | None":
    """What stands in a YAML file; None for an address. Raises: BadDocument."""
    from millrace.documents import load_source

    if source is None or "://" in source:
        return None
    path = Path(source)
    if path.suffix in (".yaml", ".yml") and not path.is_file():
        fail(f"there is no file {source}", "--source is a YAML file, or an address like postgresql://….")
    return load_source(path) if path.is_file() else None


def _addressed(
    source: str, query: str | None, secrets: Mapping[str, object], options: Mapping[str, str]
) -> "RowSource":
    """What an address says. Raises: NoPlace."""
    from millrace import addresses
    from millrace_contracts.sources import RowSource

    mine = {
        name: item for name, item in secrets.items() if addresses.belongs(addresses.kind_of(source), name)
    }
    whole = addresses.rows(source, mine, options, query=query, which=WHICH)
    return addresses.checked(RowSource, whole, "score")


def _sink(
    table: str | None,
    connection: str | None,
    out: str | None,
    secrets: Mapping[str, object],
    options: Mapping[str, str],
) -> "Sink | None":
    """Where jobs write the answers themselves; None for files of this machine, which are fetched. Raises: NoPlace."""
    from millrace import addresses
    from millrace_contracts.sinks import Sink

    if out is not None and out.startswith(STORES):
        mine = {name: item for name, item in secrets.items() if addresses.belongs("bucket", name)}
        more = {name: value for name, value in options.items() if name != "pattern"}
        return addresses.checked(Sink, {"bucket": {"url": out, "options": more, "secrets": mine}}, "score")
    if table is None:
        return None
    try:
        place = addresses.kept(connection or "")
    except addresses.NoPlace:
        fail("--connection says where the database's URI is kept", "Like --connection env:SHOP_DATABASE.")
    return addresses.checked(Sink, {"sql": {"table": table, "connection": place}}, "score")


def _check_used(
    found: Places, query: str | None, secrets: Mapping[str, object], options: Mapping[str, str]
) -> None:
    """Nothing that was said is left aside in silence."""
    from millrace import addresses

    kinds = [found.source.kind()] if found.source is not None and found.addressed else []
    kinds += ["bucket"] if found.sink is not None and found.sink.bucket is not None else []
    idle = [
        f"--secret {name}" for name in secrets if not any(addresses.belongs(kind, name) for kind in kinds)
    ]
    idle += [f"--option {name}" for name in options if "bucket" not in kinds]
    idle += ["--query"] if query is not None and not found.addressed else []
    if idle:
        fail(
            f"{', '.join(idle)}: nothing here takes it",
            "--query goes with --source ADDRESS of a database; a secret is password (database), bearer (web), or what "
            "a bucket needs, like access_key_id; options are for buckets. A YAML file has its own.",
        )

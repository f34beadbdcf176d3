"""What an address on the command line names: where rows are or answers go, and where its secrets are kept."""

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from millrace_contracts.sources import BUCKET, DATABASE, HAS_PASSWORD, WEB, Kind

KEPT = {"env": "env", "file": "file", "secret": "secretRef"}
SECRETS: dict[str, tuple[str, ...]] = {"sql": ("password", "connection"), "http": ("bearer",)}
"""Secrets that a database and a web address have; every other one belongs to a bucket."""
WHICH = "--table NAME, or --query 'SELECT …'"
Checked = TypeVar("Checked", bound=BaseModel)


class NoPlace(Exception):
    """The address names nothing that can be reached; *mend* says what to do."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


def rows(
    address: str,
    secrets: Mapping[str, object],
    options: Mapping[str, str],
    table: str | None = None,
    query: str | None = None,
    which: str = WHICH,
) -> dict[str, object]:
    """The part of a source that *address* names, unchecked: {"sql": …}, {"bucket": …} or {"http": …}.

    A database is named by its URI, or by where that is kept: env:VARIABLE, file:/PATH, secret:NAME/KEY. *which*: how
    its rows are said. Raises: NoPlace.
    """
    kind = kind_of(address)
    if kind == "sql":
        if (table is None) == (query is None):
            raise NoPlace("a database has many tables", f"Say which rows: {which}.")
        named = {"uri": address} if re.match(DATABASE, address) else {"connection": kept(address)}
        asked = {**named, "table": table, "query": query, **secrets}
        return {kind: {key: value for key, value in asked.items() if value is not None}}
    if table is not None or query is not None:
        raise NoPlace(f"{_shown(address)} is no database", "A table or a query is of a database.")
    if kind == "bucket":
        more = {key: value for key, value in options.items() if key != "pattern"}
        pattern = options.get("pattern", "*")
        return {kind: {"url": address, "pattern": pattern, "options": more, "secrets": secrets}}
    return {kind: {"url": address, **secrets}}


def kind_of(address: str) -> Kind:
    """What is at *address*. Raises: NoPlace, without repeating a password."""
    if re.search(HAS_PASSWORD, address):
        field = "bearer" if re.match(WEB, address) else "password"
        raise NoPlace(
            "the address has a password in it",
            f"Leave it out, and say where it is kept: --secret {field}=env:VARIABLE, or file:/PATH. The variable is "
            "that of 'millrace up'.",
        )
    kinds: tuple[tuple[Kind, str], ...] = (("sql", DATABASE), ("bucket", BUCKET), ("http", WEB))
    for kind, pattern in kinds:
        if re.match(pattern, address):
            return kind
    if re.match("(env|secret):.|file:/[^/]", address):
        return "sql"
    raise NoPlace(
        f"{_shown(address)} is no address of a source",
        "Use postgresql://…, sqlite:///…, s3://…, gs://…, az://…, file:///… or https://…; a file is --data.",
    )


def secret(text: str) -> tuple[str, dict[str, object]]:
    """`password=env:NAME` and the like. Raises: NoPlace, without repeating what may be the secret itself."""
    field, _, place = text.partition("=")
    try:
        return field, kept(place)
    except NoPlace:
        raise NoPlace(
            f"--secret {field[:40]}: it says where a secret is kept, not what it is",
            "Like --secret password=env:SHOP_PASSWORD, password=file:/PATH, or password=secret:NAME/KEY in a cluster.",
        ) from None


def kept(place: str) -> dict[str, object]:
    """`env:NAME`, `file:/PATH` or `secret:NAME/KEY`. Raises: NoPlace, without repeating it."""
    kind, _, name = place.partition(":")
    if kind not in KEPT or not name:
        raise NoPlace("that is no place of a secret", "Say env:VARIABLE, file:/PATH, or secret:NAME/KEY.")
    if kind != "secret":
        return {KEPT[kind]: name}
    named, _, key = name.partition("/")
    return {KEPT[kind]: {"name": named, "key": key}}


def option(text: str) -> tuple[str, str]:
    """`region=eu-central-1` and the like. Raises: NoPlace."""
    name, equals, value = text.partition("=")
    if not equals:
        raise NoPlace(f"--option {name[:40]} has no value", "Like --option region=eu-central-1.")
    return name, value


def belongs(kind: str, name: str) -> bool:
    """Whether a secret of this name is one of a place of this kind."""
    if kind in SECRETS:
        return name in SECRETS[kind]
    return not any(name in names for names in SECRETS.values())


def checked(kind: type[Checked], whole: Mapping[str, object], command: str) -> Checked:
    """*whole* as the type that travels. Raises: NoPlace with the field, never with its value."""
    try:
        return kind.model_validate({key: value for key, value in whole.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise NoPlace(f"{where or 'source'}: {what}", f"See 'millrace {command} --help'.") from None


def _shown(address: str) -> str:
    return urlsplit(address)._replace(query="", fragment="").geturl()[:100] or "the address"

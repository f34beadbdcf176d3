"""Sources and sinks by the names that OpenLineage gives to their kind, so that other tools name them alike.

Source: OpenLineage's naming rules (openlineage.io/docs/spec/naming). Nothing secret is in them: of a URI user, password
and query are left out, and one that is itself a secret is named by where it is kept.
"""

from urllib.parse import urlsplit

from millrace_contracts.sinks import Sink
from millrace_contracts.sources import DatabaseAccess, RowSource
from millrace_core.openlineage.events import Place

SCHEMES = {"postgresql": "postgres", "postgres": "postgres"}
PORTS = {"postgres": 5432}


def of_source(source: RowSource) -> Place:
    """Where rows come from."""
    if source.sql is not None:
        return _table(source.sql, source.sql.table or "query")
    if source.http is not None:
        url = urlsplit(source.http.url)
        return Place(namespace=f"{url.scheme}://{_host(url.netloc)}", name=url.path.lstrip("/") or "/")
    return _file(source.bucket.url if source.bucket else source.path or "")


def of_sink(sink: Sink, rows: int | None = None) -> Place:
    """Where predictions go."""
    place = (
        _table(sink.sql, sink.sql.table)
        if sink.sql
        else _file(sink.bucket.url if sink.bucket else sink.path or "")
    )
    return place.model_copy(update={"rows": rows})


def _table(access: DatabaseAccess, table: str) -> Place:
    if access.uri is None:
        secret = access.connection.told() if access.connection else "unknown"
        return Place(namespace=f"secret://{secret.replace(' ', '/')}", name=table)
    url = urlsplit(access.uri)
    if url.scheme == "sqlite":
        return Place(namespace="file", name=f"{url.path}/{table}")
    scheme = SCHEMES.get(url.scheme, url.scheme)
    host, port = _host(url.netloc), PORTS.get(scheme)
    at = host if ":" in host or port is None else f"{host}:{port}"
    database = url.path.strip("/").replace("/", ".")
    named = f"public.{table}" if scheme == "postgres" and "." not in table and table != "query" else table
    return Place(namespace=f"{scheme}://{at}", name=f"{database}.{named}" if database else named)


def _file(where: str) -> Place:
    url = urlsplit(where)
    if url.scheme in ("", "file"):
        return Place(namespace="file", name=url.path or "/")
    scheme = "abfss" if url.scheme == "az" else url.scheme
    return Place(namespace=f"{scheme}://{_host(url.netloc)}", name=url.path.strip("/") or "/")


def _host(netloc: str) -> str:
    """Without user and password."""
    return netloc.rpartition("@")[2]

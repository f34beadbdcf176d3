"""A file of a web server: asked for only if it has changed, taken up where a connection broke."""

import json
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pyarrow as pa

from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.formats import UnknownFormat, format_of
from millrace_contracts.names import DataFormat
from millrace_contracts.sources import HttpSource, RowSource
from millrace_training.rows.delivery import Delivery
from millrace_training.runtime.errors import JobError
from millrace_training.sources import hosts
from millrace_training.sources.bucket import table
from millrace_training.sources.kit import Kit
from millrace_training.sources.past import Past, digest
from millrace_training.sources.retries import Passing, patiently

HOPS = 5
TYPES: dict[str, DataFormat] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}
DONE = "done"


class Download:
    """One file on its way: what has come of it, and of which version it is."""

    def __init__(self, asked: HttpSource, known: dict[str, str]) -> None:
        self.asked, self.known = asked, known
        self.data = bytearray()
        self.version: dict[str, str] = {}
        self.type = ""

    def headers(self, kit: Kit) -> dict[str, str]:
        """The condition under which it is sent, or where it goes on."""
        made = {"accept-encoding": "identity"}
        bearer = kit.secrets.get("http.bearer")
        if bearer is not None:
            made["authorization"] = f"Bearer {bearer}"
        if self.data and self.version:
            return made | {"range": f"bytes={len(self.data)}-", "if-range": next(iter(self.version.values()))}
        names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
        return made | {names[name]: value for name, value in self.known.items()}

    def begin(self, answer: httpx.Response) -> None:
        """Note what is being sent; anything but the rest of it begins from nothing."""
        if answer.status_code != 206:
            self.data.clear()
        self.version = {
            name: answer.headers[name] for name in ("etag", "last-modified") if name in answer.headers
        }
        self.type = answer.headers.get("content-type", "").partition(";")[0].strip()


def read(source: RowSource, before: Past, kit: Kit) -> Delivery | None:
    """The file, if it has changed since the last delivery."""
    asked = source.http
    assert asked is not None
    if kit.kept.get(DONE):
        return None
    known = json.loads(before.last.cursor) if before.last and before.last.cursor else {}
    came = patiently(_fetch, Download(asked, known), kit)
    kit.kept[DONE] = True
    if came is None:
        return None
    data = bytes(came.data)
    key = before.key("content", digest(data.hex()))
    if key in before.digests or not data:
        return None
    origin = RowsOrigin(
        kind="source",
        name=_name(asked),
        digest=key,
        source=before.identity,
        cursor=json.dumps(came.version)[:1000],
        format=_format(asked, came.type),
    )
    return Delivery(data, _format(asked, came.type), origin)


def sample(source: RowSource, kit: Kit, rows: int) -> pa.Table:
    """The first rows of the file."""
    asked = source.http
    assert asked is not None
    came = patiently(_fetch, Download(asked, {}), kit)
    assert came is not None
    kit.notes.append(f"{len(came.data) / 2**20:.1f} MiB.")
    data = bytes(came.data)
    kit.first = (data, _format(asked, came.type), _name(asked))
    return table(data, _format(asked, came.type), _name(asked), kit.dialect).slice(0, rows)


def _name(asked: HttpSource) -> str:
    return urlsplit(asked.url)._replace(query="", fragment="").geturl()[:500]


def _format(asked: HttpSource, type: str) -> DataFormat:
    if asked.format is not None:
        return asked.format
    try:
        return format_of(Path(urlsplit(asked.url).path))
    except UnknownFormat:
        if type in TYPES:
            return TYPES[type]
    raise JobError(
        "The file's kind is unknown", f"{_name(asked)} is {type or 'of no type'}.", "Say it with format."
    )


def _fetch(download: Download, kit: Kit) -> Download | None:
    """The whole file, or None when it is the one that is in already."""
    url = download.asked.url
    try:
        with httpx.Client(follow_redirects=False, timeout=60, trust_env=False) as client:
            for _ in range(HOPS):
                hosts.check(url)
                with client.stream("GET", url, headers=download.headers(kit)) as answer:
                    if answer.has_redirect_location:
                        url = _elsewhere(url, answer)
                        continue
                    return _taken(download, answer, kit)
    except httpx.TransportError as error:
        told = f"{_name(download.asked)}: {type(error).__name__} {error}"
        raise Passing(
            kit.secrets.problem("The file cannot be fetched", told, "Look at its address.")
        ) from None
    raise JobError("The file cannot be fetched", f"More than {HOPS} redirections.", "Name its last address.")


def _elsewhere(url: str, answer: httpx.Response) -> str:
    """Where a redirection leads; a token is not sent to another host than the one that it was given for."""
    there = urljoin(url, answer.headers.get("location", ""))
    if "authorization" in answer.request.headers and urlsplit(there).netloc != urlsplit(url).netloc:
        raise JobError(
            "The file is elsewhere", f"Its server sends to {urlsplit(there).netloc}.", "Name that address."
        )
    return there


def _taken(download: Download, answer: httpx.Response, kit: Kit) -> Download | None:
    if answer.status_code == 304:
        return None
    if answer.status_code not in (200, 206):
        told = f"{_name(download.asked)} answers {answer.status_code} {answer.reason_phrase}."
        error = kit.secrets.problem("The file cannot be fetched", told, "Look at its address and its token.")
        raise Passing(error) if answer.status_code >= 500 or answer.status_code == 429 else error
    download.begin(answer)
    for piece in answer.iter_raw():
        download.data += piece
        kit.context.report("read", message=f"{len(download.data) / 2**20:.1f} MiB")
    return download

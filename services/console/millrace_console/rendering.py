"""Templates become pages: every value is escaped, a missing one is a mistake, times and numbers read alike."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from millrace_console import stamps
from millrace_console.asking import lacks
from millrace_contracts import durations
from millrace_contracts.counting import counted
from millrace_contracts.digits import legible, signed
from millrace_contracts.shortening import shortened

TEMPLATES = Path(__file__).parent / "templates"
DASH = "–"
ISOLATE, END = "\u2068", "\u2069"
"""Between them a text of either direction leaves the words around it where they are."""


def page(
    request: Request, template: str, values: Mapping[str, object] | None = None, status: int = 200
) -> HTMLResponse:
    """The page that *template* makes of *values*."""
    person = getattr(request.state, "person", None)
    given = {"person": person, "path": request.url.path, "query": request.url.query, **(values or {})}
    return HTMLResponse(environment().get_template(template).render(given), status)


@cache
def environment() -> Environment:
    """Templates with the filters below; read once."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters |= {
        "moment": moment, "day": day, "number": number, "count": count, "share": share, "cut": cut, "part": part,
        "any_way": any_way, "lacks": lacks, "signed": signed, "lasting": lasting, "counted": counted,
    }  # fmt: skip
    made.globals |= {"asset": stamps.asset, "address": address}
    return made


def moment(at: datetime | str | None) -> Markup | str:
    """An instant in UTC, as a <time>; a dash for none."""
    if at is None or at == "":
        return DASH
    told = datetime.fromisoformat(at) if isinstance(at, str) else at
    told = (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(told.isoformat(), f"{told:%Y-%m-%d %H:%M}")


def day(at: datetime | date | None) -> Markup | str:
    """A day, as a <time>; a dash for none."""
    if at is None:
        return DASH
    return Markup('<time datetime="{0}">{0}</time>').format(f"{at:%Y-%m-%d}")


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits; a dash for none."""
    return DASH if value is None else legible(value, digits)


def count(value: int | None) -> str:
    """Like 12,345."""
    return DASH if value is None else f"{value:,}"


def lasting(seconds: float) -> str:
    """So many seconds, like `1 day`."""
    return durations.words(timedelta(seconds=seconds))


def share(value: float | None) -> str:
    """A part of one, in percent."""
    return DASH if value is None else f"{100 * value:.3g} %"


def cut(text: str, longest: int = 160) -> str:
    """The beginning of a long text."""
    return shortened(text, longest)


def any_way(text: object) -> str:
    """A text of somebody's, in either direction, that turns nothing around it."""
    return f"{ISOLATE}{text}{END}"


def part(value: object) -> str:
    """One segment of an address."""
    return quote(str(value), safe="")


def address(path: str, query: Mapping[str, object] | None = None, **change: object) -> str:
    """*path* with *query* and what changes in it; what is empty, None or False is left out."""
    asked = {**(query or {}), **change}
    kept = {name: value for name, value in asked.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(kept)}" if kept else path

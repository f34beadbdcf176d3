"""What of a delivery would enter a dataset: read, held to the contract and to the rows that are there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.datasets import DatasetVersionRead, RowsOrigin
from millrace_contracts.names import ClassValue
from millrace_contracts.pulls import PullSpec
from millrace_contracts.rows import Check, DeliveryReport, IngestSpec
from millrace_contracts.tables import Dialect
from millrace_table import drawn, inference, ordering, pieces, reading
from millrace_table.drawn import Roles
from millrace_table.pieces import Filed, Rows
from millrace_table.reading import Loaded
from millrace_table.refusals import Unreadable
from millrace_table.streamed import Streamed
from millrace_training.rows import across, checks, delivery, newcomers, piecewise, repeats, widening
from millrace_training.rows.checks import Checked
from millrace_training.rows.delivery import Delivery
from millrace_training.rows.present import Present
from millrace_training.rows.widening import Widened

Asked = IngestSpec | PullSpec
"""What says into which dataset rows go, and what they must be."""
Telling: TypeAlias = Callable[[Literal["read", "checked"], int], None]
"""Hears how many rows of a large file are read, and checked."""
WHOLE = ("duplicates_at_most", "rejects_at_most")
"""Promises of a contract about the delivery as a whole that deliveries may have changed."""


@dataclass(frozen=True)
class Accepted:
    """Rows that enter the dataset, where they come from, and the contract that they keep."""

    rows: Rows
    source: RowsOrigin
    contract: DataContract
    report: DeliveryReport
    declared: DataContract | None = None
    """The contract as a person declared it; None: there is none but the dataset's own."""
    changes: list[str] = field(default_factory=list)
    """How the contract was changed to take it."""

    def against(self, before: Present | None) -> "Accepted":
        """The rows of it that are not there yet, with the others counted."""
        key = self.contract.key
        seen = before.news(self.rows, self.contract) if before else repeats.news(None, self.rows, key)
        report = self.report.model_copy(update={"repeated": seen.repeated, "corrected": seen.corrected})
        return replace(self, rows=self.rows.filter(pa.array(seen.fresh)), report=report)


@dataclass(frozen=True)
class Held:
    """A delivery held to a contract: what would enter the dataset, and its columns in their types."""

    whole: Accepted
    typed: Rows


@dataclass(frozen=True)
class Raw:
    """A delivery as it was read: its rows, in memory or in a file, and how they were written."""

    rows: Rows
    reading: Loaded | Streamed


def take(
    spec: Asked,
    came: Delivery,
    parent: DatasetVersionRead | None,
    before: Present | None,
    folder: Path,
    told: Telling,
) -> Accepted | DeliveryReport:
    """The rows that may enter the dataset whose rows are *before*, or the report that says why none may.

    Args:
        folder: for the rows of a large file, which are never all in memory.
        told: hears again and again how many rows of a large file are read, and checked.
    """
    report, may_widen = DeliveryReport(), isinstance(spec, IngestSpec) and spec.widen
    try:
        raw = _load(came, spec, _promised(spec, parent), folder, told)
        loaded = raw.reading
        report = DeliveryReport(rejects=loaded.rejects, dialect=loaded.dialect)
        contract = contract_of(spec, parent, raw.rows, loaded.dialect or spec.dialect)
        wider = _rejects(contract, loaded) if may_widen else Widened(contract, [])
        reading.refuse_rejects(loaded, wider.contract.rejects_at_most)
        hold = _Holding(raw, spec, came, parent, before, folder, told)
        held = hold.to(wider)
        said = wider.contract
        if not may_widen and came.partial and _few_beyond(said, held, spec.timezone):
            wider = Widened(newcomers.with_share(said, 1.0), wider.changes)
            held = hold.to(wider)
        broken = held.whole.report.checks if may_widen else _guessed_wrong(came, wider.contract, held)
        if broken and held.whole.report.failed:
            more = widening.widened(wider.contract, broken, held.typed)
            held = hold.to(Widened(more.contract, [*wider.changes, *more.changes]))
    except Unreadable as error:
        return report.model_copy(update={"checks": [error.check]})
    if held.whole.report.failed:
        return held.whole.report
    return held.whole if wider.contract is said else _as_said(held.whole, said)


def _as_said(whole: Accepted, said: DataContract) -> Accepted:
    """What was taken, under a contract that leaves out no more rows of the next delivery than it said."""
    share = said.column(said.target or "").outside_at_most
    return replace(whole, contract=newcomers.with_share(whole.contract, share))


def _few_beyond(contract: DataContract, held: Held, zone: str) -> bool:
    """Whether truths beyond a guess came so seldom that they may be mistakes, and still too often to be left out."""
    failed = [one for one in held.whole.report.failed if one.check == "range"]
    if contract.target is None or not any(one.column == contract.target for one in failed):
        return False
    time = None if contract.event_time is None else (contract.event_time, zone)
    target = contract.column(contract.target)
    return target.guessed and not newcomers.beyond(held.typed, target, time).enough


def _guessed_wrong(came: Delivery, contract: DataContract, held: Held) -> list[Check]:
    """Guesses that the rows which production was asked with, or their truth, break: these a model has to answer.

    A person's bounds hold; that something moved, the monitor tells.
    """
    guessed = {column.name for column in contract.columns if column.guessed}
    lines = held.whole.report.checks if came.partial else []
    return [one for one in lines if one.check in ("range", "values") and one.column in guessed]


def _rejects(contract: DataContract, loaded: Loaded | Streamed) -> Widened:
    if loaded.share <= contract.rejects_at_most:
        return Widened(contract, [])
    share = min(1.0, round(loaded.share + 0.001, 3))
    return Widened(
        contract.model_copy(update={"rejects_at_most": share}),
        [f"lines that cannot be read: up to {share:.1%}"],
    )


@dataclass(frozen=True)
class _Holding:
    """A delivery that is held to one contract or another."""

    raw: Raw
    spec: Asked
    came: Delivery
    parent: DatasetVersionRead | None
    before: Present | None
    folder: Path
    told: Telling

    def to(self, asked: Widened) -> Held:
        """Hold it to a contract, its new rows to the dataset. Raises: Unreadable for times in mixed zones."""
        contract, loaded = asked.contract, self.raw.reading
        known = self._known(contract)
        held = contract if known is None else newcomers.opened(contract)
        checked = self._checked(_read_as(held, loaded.dialect or self.spec.dialect))
        if known is not None:
            checked = _with_newcomers(checked, contract.column(contract.target or ""), known)
        rows = ordering.ordered(checked.kept, contract.event_time)
        report = DeliveryReport(
            rows=self.raw.rows.num_rows,
            checks=checked.checks,
            rejects=loaded.rejects,
            dialect=loaded.dialect,
        )
        whole = Accepted(
            rows,
            delivery.ended(self.came.source, rows, contract.event_time),
            _read_as(checked.contract, contract.dialect),
            report,
            self.spec.contract or _declared(self.parent),
            asked.changes,
        )
        news = whole.against(self.before)
        volume = checks.volume((self.parent.rows if self.parent else 0) + news.rows.num_rows, contract)
        over = across.unique_over(self.before, news.rows, contract)
        lines = [*reading.checks(loaded), *checked.checks, *over, volume]
        return Held(replace(whole, report=news.report.model_copy(update={"checks": lines})), checked.table)

    def _known(self, contract: DataContract) -> Sequence[ClassValue] | None:
        """The classes of production where its labels may bring others, because the contract's are a guess."""
        asked = self.spec.known_classes if isinstance(self.spec, IngestSpec) else None
        may = self.came.partial and contract.target is not None and contract.column(contract.target).guessed
        return asked if may else None

    def _checked(self, contract: DataContract) -> Checked:
        raw, zone, partial, known = self.raw.rows, self.spec.timezone, self.came.partial, _span(self.parent)
        if not isinstance(raw, Filed):
            return checks.check(raw, contract, zone, partial, known)
        return piecewise.check(
            raw, contract, zone, self.folder, lambda rows: self.told("checked", rows), partial, known
        )


def _with_newcomers(checked: Checked, target: ColumnContract, known: Sequence[ClassValue]) -> Checked:
    """The rows as they were taken with whatever class, under the contract that has grown by what is known."""
    contract = newcomers.grown(checked.contract, target, known)
    lines = [*checked.checks, *newcomers.told(checked.kept, target, known)]
    return replace(checked, contract=contract, checks=lines)


def _promised(asked: Asked, parent: DatasetVersionRead | None) -> DataContract | None:
    """The contract that was given, else the dataset's own."""
    kept = parent.contract if parent else None
    return asked.contract or (DataContract.model_validate(kept) if kept else None)


def _load(came: Delivery, asked: Asked, contract: DataContract | None, folder: Path, told: Telling) -> Raw:
    """The delivery, written as it is said to be: by who sent it, else by the contract. Raises: Unreadable.

    A large file goes into another one a piece at a time.
    """
    said, reads = Dialect() if asked.dialect is None else asked.dialect, lambda rows: told("read", rows)
    if contract is None:
        names = [name for name in (asked.target, asked.event_time) if name]
    else:
        names, said = [column.name for column in contract.columns], said.over(contract.dialect)
    if isinstance(came.data, Path) and reading.is_large(came.data, came.format):
        target = folder / "raw.parquet"
        streamed = reading.to_parquet(came.data, target, said, names, reads, came.format)
        return Raw(Filed([target]), streamed)
    loaded = reading.load(came.data, came.format, said, names, reads)
    return Raw(loaded.table, loaded)


def _read_as(contract: DataContract, dialect: Dialect | None) -> DataContract:
    """The contract for a delivery that is written in *dialect*, whatever others are."""
    return contract if dialect is None else contract.model_copy(update={"dialect": dialect})


def contract_of(
    asked: Asked, parent: DatasetVersionRead | None, raw: Rows, dialect: Dialect | None = None
) -> DataContract:
    """The contract that was given, else the dataset's own, else one inferred from this first delivery.

    One that names no dialect keeps that of the first text file that is taken.
    Raises: Unreadable if the target or the event time is not among its columns.
    """
    kept = DataContract.model_validate(parent.contract) if parent and parent.contract else None
    contract = _lived(asked.contract, kept, _declared(parent)) if asked.contract else kept
    if contract is None:
        if isinstance(raw, Filed) and not drawn.fits(raw):
            asks = Roles(asked.target, asked.event_time, asked.timezone)
            return drawn.look(raw, asks, dialect).contract
        rows = pieces.together(raw)
        return inference.infer(rows, asked.target, asked.event_time, asked.timezone, dialect)
    if dialect is not None and dialect.delimiter is not None and contract.dialect is None:
        contract = contract.model_copy(update={"dialect": dialect})
    roles = {
        "target": asked.target or contract.target,
        "event_time": asked.event_time or contract.event_time,
    }
    inference.check_roles([column.name for column in contract.columns], **roles)
    contract = contract.model_copy(update=roles)
    inference.check_event_time(contract)
    return contract


def _lived(asked: DataContract, kept: DataContract | None, declared: DataContract | None) -> DataContract:
    """What was asked, with what deliveries have taught of every column whose promise nobody has changed since."""
    if kept is None or declared is None:
        return asked
    before = {column.name: column for column in declared.columns}
    now = {column.name: column for column in kept.columns}
    lived = [now.get(item.name, item) if before.get(item.name) == item else item for item in asked.columns]
    whole = {
        name: getattr(kept if getattr(declared, name) == getattr(asked, name) else asked, name)
        for name in WHOLE
    }
    return asked.model_copy(update={"columns": lived} | whole)


def _declared(parent: DatasetVersionRead | None) -> DataContract | None:
    return DataContract.model_validate(parent.declared) if parent and parent.declared else None


def _span(parent: DatasetVersionRead | None) -> tuple[datetime, datetime] | None:
    if parent is None or parent.first_event is None or parent.last_event is None:
        return None
    return parent.first_event, parent.last_event

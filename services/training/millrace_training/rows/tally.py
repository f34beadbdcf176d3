"""What the cells of a column add up to, a piece at a time, and the lines of a report that tell it."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnContract
from millrace_contracts.digits import legible
from millrace_contracts.rows import Check
from millrace_table import guesses, moments, numbers, tensors
from millrace_table.columns import Mask, Typed
from millrace_table.refusals import words
from millrace_training.rows.lines import Marked, line, noted

REMEMBERED = 1 << 20
"""Different unknown words that are told apart; of more, it is known that they are too many."""

KNOWN = "They are taken; a value that comes again is known from then on."
ALLOW = "They are taken; add them to `allowed` if they are right."
LEARNT = "They are taken; the next run learns a class that the contract knows, or that has 10 rows on 2 days."


class Tally:
    """A column of a delivery against its promise, but for what asks whether a value came before."""

    def __init__(self, column: ColumnContract, target: bool, partial: bool) -> None:
        self.column = column
        self._target, self._partial = target, partial
        self._rows = self._infinite = 0
        self.bad, self._absent = Marked(), Marked()
        self._outside, self._beyond, self._unknown = Marked(), Marked(), Marked()
        self._low, self._high = math.inf, -math.inf
        self._new: dict[str, None] = {}

    def add(self, raw: pa.ChunkedArray, cells: Typed) -> Mask:
        """Count the next cells; returns which of them forbid no row to be kept."""
        first, self._rows = self._rows, self._rows + len(raw)
        self._infinite += cells.infinite
        if self.column.shape is None:
            self.bad.add(first, raw, cells.bad)
        else:
            self.bad.count += int(cells.bad.sum())
            self.bad.examples += tensors.told(raw, cells.bad, self.column.shape, first)
            del self.bad.examples[tensors.SHOWN :]
        absent = np.asarray(cells.values.is_null()) & ~cells.bad
        self._absent.add(first, None, absent)
        keep = ~absent if self._target else np.ones(len(raw), bool)
        if self._is_bounded:
            keep &= self._inside(first, raw, cells)
        if self.column.allowed is not None:
            self._look_up(first, raw, cells)
        return keep

    @property
    def lines(self) -> list[Check]:
        """What is to be said of all cells."""
        told = [self._of_type, self._of_missing]
        if self._is_bounded:
            told.append(self._of_range)
        if self.column.allowed is not None:
            told.append(self._of_words)
        return told

    @property
    def _is_bounded(self) -> bool:
        return (self.column.minimum, self.column.maximum) != (None, None)

    def _share(self, marked: Marked) -> float:
        return marked.count / self._rows if self._rows else math.nan

    def _inside(self, first: int, raw: pa.ChunkedArray, cells: Typed) -> Mask:
        low, high = guesses.reach(self.column)
        values = np.asarray(cells.values.cast(pa.float64(), safe=False).fill_null(np.nan))
        outside = (values < low) | (values > high)
        self._outside.add(first, raw, outside)
        self._beyond.add(first, raw, guesses.beyond(self.column, values) & ~outside)
        if cells.values.null_count < len(values):
            self._low = min(self._low, float(np.nanmin(values)))
            self._high = max(self._high, float(np.nanmax(values)))
        return ~outside

    def _look_up(self, first: int, raw: pa.ChunkedArray, cells: Typed) -> None:
        vocabulary = pa.array(self.column.allowed, pa.string())
        unknown = np.asarray(pc.and_(cells.values.is_valid(), pc.invert(pc.is_in(cells.values, vocabulary))))
        self._unknown.add(first, raw, unknown)
        if unknown.any() and len(self._new) < REMEMBERED:
            self._new |= dict.fromkeys(pc.unique(cells.values.filter(pa.array(unknown))).to_pylist())

    @property
    def _of_type(self) -> Check:
        column, count = self.column, self.bad.count
        wanted = column.type if column.shape is None else f"tensor of the shape {column.shape}"
        seen = f"{counted(count, 'cell is', 'cells are')} no {wanted}" if count else f"all are {wanted}"
        if self._infinite:
            seen += "; " + counted(
                self._infinite, "infinite one counts as missing", "infinite ones count as missing"
            )
        mend = _said(column.type, self.bad.examples)
        mend = mend or f"Correct these cells, or change the column's type from {column.type}."
        return line("type", column.name, count == 0, seen, wanted, count, self.bad.examples, mend)

    @property
    def _of_missing(self) -> Check:
        """Cells of a wrong type are told of as such, not as missing. Rows without a target are never kept.

        What production was asked without (*partial*) it was asked without: the monitor tells of it.
        """
        column, count, share = self.column, self._absent.count, self._share(self._absent)
        within = share <= column.missing_at_most
        slack = column.guessed and column.missing_at_most > 0 and not self._target
        few = count <= guesses.tolerated(self._rows, column.missing_at_most)
        good = within or (slack and (self._partial or few))
        what = "the target" if self._target else "a value"
        mend = f"Fill them in, or raise missing_at_most if rows may lack {what}."
        observed, allowed = (
            f"{counted(count, 'row')} ({share:.1%}) lack{'s' * (count == 1)} {what}",
            f"at most {column.missing_at_most:.1%}",
        )
        rows = [] if good else self._absent.examples
        told = line("missing", column.name, good, observed, allowed, count, rows, mend)
        if good and not within:
            told = noted(told, "More than the sample had; it is taken, as the contract is a guess.")
        return told

    @property
    def _of_range(self) -> Check:
        column, (low, high) = self.column, guesses.reach(self.column)
        count, share = self._outside.count, self._share(self._outside)
        good = share <= column.outside_at_most or (column.guessed and count == 1)
        extent = "no values" if self._low > self._high else _span(self._low, self._high)
        observed = (
            f"{counted(count, 'row')} ({share:.2%}) {'is' if count == 1 else 'are'} outside"
            if count
            else extent
        )
        if count and good:
            observed += " and are left out"
        mend = "Correct these values, or widen minimum and maximum if they are true."
        bounds, shown = _span(low, high), self._outside.examples
        told = line("range", column.name, good, observed, bounds, count, shown, mend)
        if good and count:
            return noted(told, "If they are true, widen minimum and maximum.")
        if not good or not self._beyond.count or column.minimum is None or column.maximum is None:
            return told
        new = f"{counted(self._beyond.count, 'row')} ({self._share(self._beyond):.2%})"
        go = "goes" if self._beyond.count == 1 else "go"
        seen = f"{new} {go} beyond {_span(column.minimum, column.maximum)}"
        told = told.model_copy(update={"observed": seen, "examples": self._beyond.examples})
        return noted(told, "They are taken, and the guess grows.")

    @property
    def _of_words(self) -> Check:
        column, count, share = self.column, self._unknown.count, self._share(self._unknown)
        why = (
            guesses.unknown_words(column, self._rows, count, list(self._new)[:REMEMBERED])
            if column.guessed
            else None
        )
        good = why is None if column.guessed else share <= column.unknown_at_most
        told = line(
            "values",
            column.name,
            good,
            f"{counted(count, 'row')} ({share:.1%}) {'has' if count == 1 else 'have'} values not seen before"
            if count
            else "all values are known",
            f"at most {column.unknown_at_most:.1%} other than {words(column.allowed or [], 8)}",
            count,
            self._unknown.examples,
            "Correct these values, or add them to `allowed`.",
        )
        if why is not None:
            return told.model_copy(update={"observed": f"{told.observed}: {why}"})
        if good and count:
            return noted(told, LEARNT if self._target else KNOWN if column.guessed else ALLOW)
        return told


def _span(low: float, high: float) -> str:
    return f"{legible(low, 6)} to {legible(high, 6)}"


def _said(type: str, shown: list[str]) -> str | None:
    """How to say what cells of *type* mean, if they could be read when their order or signs were said."""
    cells = [example.partition(": ")[2].strip("'\"") for example in shown]
    if type == "timestamp" and any(moments.ORDERED.fullmatch(cell) for cell in cells):
        return "Say which number is the day: --date-order dmy or mdy; or correct these cells."
    if type in ("number", "integer") and any(numbers.in_two_ways(cell) for cell in cells):
        return "Say how the file writes numbers: --decimal and --thousands; or correct these cells."
    return None

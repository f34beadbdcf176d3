"""Which predictions people are to look at: drawn by a hash of the request, so that it is unbiased and replays the same.

Three draws that know nothing of each other: by chance alone, by low confidence, and by how much the row would teach.
The chance of each is kept with the entry: without it no label of the queue says anything of the rows not chosen.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.bodies import Document
from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.reviews import Chance, ReviewReason, ReviewSpec
from millrace_contracts.signature import Input
from millrace_monitoring.ingest import cells, segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.tables import Review
from millrace_stats.bins import NumberBins, Slots, Vocabulary
from millrace_stats.profiles import ProfileSpec

DRAWS = 3
"""Numbers that the hash of a row gives: for chance, for use, and for its turn in the queue."""
USEFUL = 0.01
"""The share that is chosen as most useful where no share is drawn by chance; else as large a share as that."""
STEEP = 3.0
"""A row of usefulness u is chosen with STEEP * u * u of that share: of evenly spread ones just that share."""
COPIED = ("request_id", "index", "event_time", "revision")
"""What an entry takes from its logged row as it is."""
RANKS: dict[ReviewReason, int] = {"sampled": 0, "low": 1, "useful": 2}
"""Which reason is looked at first: the draws by chance, on which all that is said of quality stands."""
TURNS = 2**62


def choose(segment: Segment, spec: MonitorWrite, seen: ProfileSpec | None) -> list[Review]:
    """The entries among rows that have just come.

    Args:
        spec: of the monitor, which asks for reviews. seen: what training saw; None: novelty is not judged.
    """
    assert spec.review is not None
    kept = pc.and_(
        pc.greater_equal(segment.table["index"], 0), pc.equal(segment.table["listener"], "inference")
    )
    table = segment.table.filter(kept)
    answers = Answers.of(spec.task, spec.signature)
    served = answers.of_table(table)
    confidence = answers.task.confidence(served)
    useful = usefulness(table, served, answers, spec.signature.inputs, seen)
    chances = _chances(spec.review, answers.task.known(served), confidence, useful)
    drawn = draws(segment, table)
    hits = drawn[:, :2] < chances[:, (0, 2)]
    lines = np.flatnonzero(hits.any(axis=1) | (chances[:, 1] > 0))
    chosen = table.take(pa.array(lines))
    rows, told = cells.rows(chosen, spec.signature.inputs), _told(served[lines], answers)
    columns = {name: chosen[name].to_pylist() for name in COPIED}
    clock = chosen["at"].to_pylist()
    entries = []
    for place, line in enumerate(lines.tolist()):
        sampled, low, use = (float(value) for value in chances[line])
        reason: ReviewReason = "sampled" if hits[line, 0] else "low" if low else "useful"
        sure = None if confidence is None else float(confidence[line])
        entries.append(
            Review(
                project=segment.project,
                endpoint=segment.endpoint,
                **{name: values[place] for name, values in columns.items()},
                answered_at=clock[place],
                reason=reason,
                rank=RANKS[reason],
                turn=int(drawn[line, 2] * TURNS),
                state="open",
                chance=Chance(sampled=sampled, low=low, useful=use),
                confidence=sure if sure is None or np.isfinite(sure) else None,
                usefulness=float(useful[line]),
                answer=told[place],
                features=rows[place],
            )
        )
    return entries


def _chances(
    policy: ReviewSpec, known: np.ndarray, confidence: np.ndarray | None, useful: np.ndarray
) -> np.ndarray:
    """The chance of each row for each reason: by chance, low, useful; (rows, 3). Rows without an answer: by chance."""
    made = np.zeros((len(known), 3))
    made[:, 0] = policy.rate()
    if policy.below is not None and confidence is not None:
        made[:, 1] = known & (np.nan_to_num(confidence, nan=1.0) < policy.below)
    if policy.uncertain:
        share = (policy.rate() or USEFUL) * STEEP * useful**2
        made[:, 2] = np.where(known, np.minimum(share, 1.0), 0.0)
    return made


def draws(segment: Segment, table: pa.Table) -> np.ndarray:
    """Three numbers from 0 to 1 for each row, (rows, 3): the same row of the same endpoint always draws the same."""
    salt = f"{segment.project}/{segment.endpoint}".encode()
    rows = zip(table["request_id"].to_pylist(), table["index"].to_pylist(), strict=True)
    hashed = b"".join(
        hashlib.blake2b(f"{request}/{index}".encode(), digest_size=8 * DRAWS, key=salt[:64]).digest()
        for request, index in rows
    )
    return np.frombuffer(hashed, "<u8").reshape(-1, DRAWS) / 2.0**64


def usefulness(
    table: pa.Table,
    served: np.ndarray,
    answers: Answers,
    inputs: Sequence[Input],
    seen: ProfileSpec | None,
) -> np.ndarray:
    """How much a label would teach, 0 to 1, (rows,): one less the margin between the two likeliest classes, or the
    share of values that training never saw, whichever is more."""
    near = np.zeros(len(table))
    spread = answers.task.spread(served, answers.classes)
    if spread is not None and len(table):
        ordered = np.sort(spread, axis=1)
        near = 1 - (ordered[:, -1] - ordered[:, -2])
    fresh = novelty(table, inputs, seen) if seen is not None else np.zeros(len(table))
    return np.clip(np.nan_to_num(np.maximum(near, fresh)), 0.0, 1.0)


def novelty(table: pa.Table, inputs: Sequence[Input], seen: ProfileSpec) -> np.ndarray:
    """Share of each row's values that training never saw, (rows,): unseen words, numbers beyond its range."""
    outside, judged = np.zeros(len(table)), 0
    for item in inputs:
        slots = seen.features.get(item.column) or seen.features.get(item.name)
        column = segments.tensor(table, item.datatype, item.name) if item.shape is None else None
        if column is not None and isinstance(slots, NumberBins | Vocabulary):
            judged += 1
            outside += _outside(column, slots)
    return outside / max(judged, 1)


def _outside(column: pa.ChunkedArray, slots: Slots) -> np.ndarray:
    if isinstance(slots, NumberBins):
        places = slots.place(column.to_numpy())
        return np.asarray((places == 0) | (places == slots.slots - 2))
    words = [text or "" for text in column.to_pylist()]
    fresh = {word: bool(slots.outside(slots.count(np.array([word], object)))) for word in set(words)}
    return np.array([fresh[word] for word in words], dtype=bool)


def _told(served: np.ndarray, answers: Answers) -> list[Document]:
    """Answers as people read them: a number, or the class and the probability of each."""
    chosen, spread = (
        answers.task.chosen(served, answers.classes),
        answers.task.spread(served, answers.classes),
    )
    if chosen is None or spread is None:
        return [{"value": cells.shortest(value) if np.isfinite(value) else None} for value in served]
    names = answers.task.names(answers.classes)
    return [
        {"class": str(name) or None, "probabilities": _by_class(names, row)}
        for name, row in zip(chosen, spread, strict=True)
    ]


def _by_class(names: Sequence[str], row: np.ndarray) -> dict[str, float] | None:
    return (
        dict(zip(names, map(cells.shortest, row.astype(np.float32)), strict=True))
        if np.isfinite(row).all()
        else None
    )

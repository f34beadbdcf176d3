"""Fits the feature matrix of one model family on training rows: nothing here may see other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace_training.features import clocks
from millrace_training.features.blocks import (
    DateParts,
    Elapsed,
    FeatureBlock,
    Filled,
    Flat,
    Lookup,
    Missing,
    Numbers,
    OneHot,
    Scaled,
    SideBySide,
    Softened,
    soft,
)
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame

WORDS = 512
"""Most words of a category that get a number of their own; the rest share the mean of all rows."""
ONE_HOT_WORDS = 32
LEAST_ROWS = 10
"""Rows a word needs to get a number of its own."""
SMOOTHING = 20.0
"""Rows' worth of the overall mean that is mixed into a word's mean."""
CROSS_FIT_ROWS = 200
"""Below so many rows per word, training rows get a word's mean from other rows than their own fifth."""
FOLDS = 5


@dataclass(frozen=True)
class Encoded:
    """A fitted block, and the matrix (float32, rows x width) that a model is trained on."""

    block: FeatureBlock
    matrix: np.ndarray


def fit(style: str, frame: Frame, targets: Sequence[np.ndarray], zone: str, seed: int) -> Encoded:
    """Fit the features of one *style* on all rows of *frame*.

    Args:
        style: "tree" (NaN stays), "filled" (no NaN, bounded), "linear" (also one-hot and scaled), or "net" (scaled by
            the middle half of the rows, and softly bounded).
        targets: float64 (rows,) each; a word is encoded by its mean of each.
        zone: whose clocks date parts are read from.
        seed: draws the fifths of cross-fitting.
    """
    plain = _plain(frame, zone)
    if style != "tree":
        plain = [_filled(plain, frame), *_missing(frame)] if plain else []
    pairs = [(column, target) for column in _categories(frame) for target in targets]
    lookups = [_lookup(column, frame, target) for column, target in pairs]
    one_hots = (
        [_one_hot(column, frame) for column in _categories(frame)] if style in ("linear", "net") else []
    )
    block = SideBySide([*plain, *lookups, *one_hots])
    matrix = block.apply(frame)
    first = matrix.shape[1] - len(lookups) - sum(len(block.words) for block in one_hots)
    for number, (lookup, (column, target)) in enumerate(zip(lookups, pairs, strict=True)):
        if lookup.table and frame.rows < CROSS_FIT_ROWS * len(lookup.table):
            matrix[:, first + number] = _cross_fitted(column, frame, target, seed)
    if style == "net":
        return _softened(block, matrix, _tensors(frame, zone))
    return _scaled(block, matrix) if style == "linear" else Encoded(block, matrix)


def _plain(frame: Frame, zone: str) -> list[FeatureBlock]:
    numbers = [column for column in frame.columns if column.is_plain]
    times = [column for column in frame.columns if column.kind == "timestamp"]
    blocks: list[FeatureBlock] = [Numbers(numbers)] if numbers else []
    for column in times:
        blocks += [DateParts(column, clocks.of_zone(zone)), Elapsed(column, _origin(frame, column))]
    blocks += [Flat(column) for column in frame.columns if column.kind == "tensor"]
    return blocks


def _origin(frame: Frame, column: Column) -> int:
    """A time in the middle of the training rows, where float32 tells seconds apart."""
    there = frame.values[column.name][frame.values[column.name] != MISSING_TIME]
    return int(np.quantile(there, 0.5, method="lower")) if len(there) else 0


def _categories(frame: Frame) -> list[Column]:
    return [column for column in frame.columns if column.kind == "category"]


def _filled(blocks: list[FeatureBlock], frame: Frame) -> Filled:
    """The blocks without gaps, held within their range; time goes on, so it may be exceeded by as much again."""
    each = [block.apply(frame) for block in blocks]
    goes_on = np.repeat([isinstance(block, Elapsed) for block in blocks], [part.shape[1] for part in each])
    raw = np.concatenate(each, axis=1)
    raw[~np.isfinite(raw)] = np.nan
    empty = np.isnan(raw).all(axis=0)
    raw[:, empty] = 0.0
    middle = np.nanmedian(raw, axis=0).astype(np.float32)
    low, high = np.nanmin(raw, axis=0), np.nanmax(raw, axis=0)
    span = high - low
    low, high = np.where(goes_on, low - span, low), np.where(goes_on, high + span, high)
    return Filled(SideBySide(blocks), middle, low, high)


def _missing(frame: Frame) -> list[FeatureBlock]:
    numbers = [column for column in frame.columns if column.is_plain]
    some = [column for column in numbers if np.isnan(frame.values[column.name]).any()]
    return [Missing(some)] if some else []


def _counts(column: Column, frame: Frame) -> np.ndarray:
    return np.bincount(frame.values[column.name], minlength=len(frame.words[column.name]))


def _frequent(counts: np.ndarray, most: int) -> np.ndarray:
    """Codes of the words that are frequent enough, most frequent first, ties by code."""
    order = np.argsort(-counts, kind="stable")[:most]
    return order[counts[order] >= LEAST_ROWS]


def _means(codes: np.ndarray, target: np.ndarray, words: int) -> np.ndarray:
    """The smoothed mean of *target* for each code; one more entry at the end holds the mean of all."""
    overall = target.mean()
    sums = np.bincount(codes, weights=target, minlength=words)
    means = (sums + SMOOTHING * overall) / (np.bincount(codes, minlength=words) + SMOOTHING)
    return np.append(means, overall).astype(np.float32)


def _lookup(column: Column, frame: Frame, target: np.ndarray) -> Lookup:
    words = frame.words[column.name]
    means = _means(frame.values[column.name], target, len(words))
    kept = sorted(_frequent(_counts(column, frame), WORDS))
    return Lookup(column, {words[code]: means[code] for code in kept}, means[-1])


def _one_hot(column: Column, frame: Frame) -> OneHot:
    kept = sorted(_frequent(_counts(column, frame), ONE_HOT_WORDS))
    words = [frame.words[column.name][code] for code in kept] or [""]
    return OneHot(column, words)


def _cross_fitted(column: Column, frame: Frame, target: np.ndarray, seed: int) -> np.ndarray:
    """Each row's number for its word, made from the rows of the other fifths."""
    codes, words = frame.values[column.name], len(frame.words[column.name])
    frequent = np.zeros(words, dtype=bool)
    frequent[_frequent(_counts(column, frame), WORDS)] = True
    fold = np.random.default_rng(seed).permutation(frame.rows) % FOLDS
    numbers = np.empty(frame.rows, dtype=np.float32)
    for number in range(FOLDS):
        here = fold == number
        means = _means(codes[~here], target[~here], words)
        numbers[here] = np.where(frequent[codes[here]], means[codes[here]], means[-1])
    return numbers


def _scaled(block: FeatureBlock, matrix: np.ndarray) -> Encoded:
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = matrix.std(axis=0, dtype=np.float64)
    scale = np.where(spread > 1e-12, 1 / np.maximum(spread, 1e-12), 0.0).astype(np.float32)
    return Encoded(Scaled(block, mean, scale), (matrix - mean) * scale)


def _tensors(frame: Frame, zone: str) -> list[slice]:
    """Where the numbers of each tensor stand in a matrix, whose first columns are the plain ones."""
    one, places, first = frame.take(np.arange(min(1, frame.rows))), list[slice](), 0
    for block in _plain(frame, zone):
        width = block.apply(one).shape[1]
        places += [slice(first, first + width)] if isinstance(block, Flat) else []
        first += width
    return places


def _softened(block: FeatureBlock, matrix: np.ndarray, tensors: Sequence[slice]) -> Encoded:
    """Around the median, in units of the middle half; where half of the rows are equal, of the whole range.

    The numbers of a tensor are of one kind: they have one mean and one deviation, so that a quiet corner stays quiet.
    """
    low, least, middle, most, high = np.quantile(matrix, [0, 0.25, 0.5, 0.75, 1], axis=0)
    span = np.where(most > least, most - least, high - low)
    scale = np.where(span > 1e-12, 1 / np.maximum(span, 1e-12), 0.0).astype(np.float32)
    centre = middle.astype(np.float32)
    for place in tensors:
        centre[place] = matrix[:, place].mean(dtype=np.float64)
        scale[place] = 1 / max(float(matrix[:, place].std(dtype=np.float64)), 1e-12)
    return Encoded(Softened(Scaled(block, centre, scale)), soft((matrix - centre) * scale))

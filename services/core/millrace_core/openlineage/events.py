"""What happened, in our own words, until it is sent; and the ids under which a receiver knows it again."""

import uuid
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

RUNS = uuid.UUID("5d0f2d4e-8f43-5c0a-9f0e-2f1a1c7b6d52")
"""Namespace of the ids of runs; never changed."""
Move = Literal["START", "COMPLETE", "FAIL", "ABORT"]
ERROR_LENGTH = 2000


class Place(BaseModel):
    """Data that was read or written.

    Args:
        namespace: of its name, like postgres://db.example:5432; empty: the project's own.
        version: of a dataset or model, if it has one. rows: how many were written, if that is known.
    """

    namespace: str = ""
    name: str = Field(min_length=1)
    version: str | None = None
    rows: int | None = None


class Parent(BaseModel):
    """The loop run that something belongs to."""

    job: str
    run: uuid.UUID


class Happened(BaseModel):
    """Something began or ended; *nominal*: its event time, where it has one."""

    move: Move
    at: datetime
    project: str
    job: str
    kind: str
    run: uuid.UUID
    parent: Parent | None = None
    inputs: list[Place] = []
    outputs: list[Place] = []
    error: str = ""
    nominal: datetime | None = None


def run_id(project: str, loop: str, number: int, part: str = "") -> uuid.UUID:
    """Of a loop run, or of a *part* of it that is no job of its own; the same whoever asks."""
    return uuid.uuid5(RUNS, "/".join((project, loop, str(number), part)))


def loop_run(project: str, loop: str, number: int) -> Parent:
    """A loop run, as its parts name it."""
    return Parent(job=loop, run=run_id(project, loop, number))


def dataset(name: str, version: int | None = None, rows: int | None = None) -> Place:
    """A dataset of the project."""
    return Place(name=name, version=None if version is None else str(version), rows=rows)


def model(name: str, version: int | None = None) -> Place:
    """A model of the project."""
    return Place(name=f"models/{name}", version=None if version is None else str(version))


def endpoint(name: str) -> Place:
    """An endpoint of the project."""
    return Place(name=f"endpoints/{name}")

"""Predict one row in a form: what the version in production answers, and by which request it is known later."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from millrace.aio import AsyncMillrace
from millrace.quarantine import dataset_of
from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import LoopIn, ProjectIn, frame
from millrace_console.predicting.cells import Cell, cells, row
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.datasets import DatasetRead, DatasetVersionRead
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.predictions import PredictionAnswer
from millrace_core.errors import Conflict

router = APIRouter(include_in_schema=False)


class Form:
    """The form of a loop's champion, with what stands around it."""

    def __init__(
        self, asked: Asked, version: ModelVersionRead, fields: list[Cell], around: dict[str, object]
    ) -> None:
        self.asked, self.version, self.fields, self.around = asked, version, fields, around

    def page(
        self, request: Request, given: dict[str, str], answer: PredictionAnswer | None = None
    ) -> Response:
        """The page; *given*: what was filled in before."""
        shown = {"version": self.version, "cells": self.fields, "given": given, "answer": answer}
        return page(request, "predict.html", self.around | shown)


async def _form(project: ProjectIn, loop: LoopIn, person: CurrentPerson, services: CurrentServices) -> Form:
    """Raises: Conflict before there is a champion."""
    asked, clients = Asked(services.settings.answer_seconds), person.clients
    found = await asked.must("controller", clients.controller.loop(loop, project=project))
    if found.champion is None:
        raise Conflict(f"{loop} has no champion yet, so nobody answers; look at its newest run.")
    name = dataset_of(found)
    version, dataset, around = await asyncio.gather(
        asked.must("registry", clients.registry.version(loop, found.champion, project=project)),
        asked.of("registry", _dataset(clients, project, name), None),
        frame(person, asked, project, "loops", loop),
    )
    newest: DatasetVersionRead | None = None
    if dataset is not None and dataset.latest:
        newest = await asked.of("registry", _version(clients, project, name, dataset.latest), None)
    return Form(asked, version, cells(version.signature, newest.contract if newest else None), around)


async def _dataset(clients: AsyncMillrace, project: str, name: str) -> DatasetRead | None:
    return await clients.registry.dataset(name, project=project)


async def _version(clients: AsyncMillrace, project: str, name: str, number: int) -> DatasetVersionRead | None:
    return await clients.registry.dataset_version(name, number, project=project)


CurrentForm = Annotated[Form, Depends(_form)]


@router.get("/p/{project}/loops/{loop}/predict", dependencies=[look()])
async def ask(request: Request, form: CurrentForm) -> Response:
    """A field for each column that the champion takes."""
    return form.page(request, {})


@router.post("/p/{project}/loops/{loop}/predict", dependencies=[act()])
async def predict(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    person: CurrentPerson,
    form: CurrentForm,
    fields: Fields,
) -> Response:
    """Ask the gateway, as every caller does: the row is logged, and can be labelled later."""
    question = person.clients.serving.predict(loop, [row(form.fields, fields)], warn=True, project=project)
    return form.page(request, fields, await form.asked.must("serving", question))

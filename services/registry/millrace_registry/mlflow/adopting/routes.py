"""What a loop may adopt, over HTTP: asked by the controller before it opens the run."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.adopting import AdoptableRead, RegisteredName
from millrace_core.auth import permit
from millrace_core.names import Project
from millrace_registry.mlflow.adopting import flavors, queries
from millrace_registry.models import release
from millrace_registry.services import CurrentServices

router = APIRouter(prefix="/v1", tags=["mlflow"])
READ = permit("registry.mlflow.read")


@router.get("/adoptable", response_model=AdoptableRead, dependencies=[READ])
async def adoptable(
    model: RegisteredName,
    version: Annotated[int, Query(ge=1, le=2**31 - 1)],
    services: CurrentServices,
    project: Project,
) -> AdoptableRead:
    """The ONNX file of a version that MLflow's client registered, parsed in a limited child process.

    Other kinds of models are refused (422) with how to log one that can be adopted.
    """
    async with services.readers() as session:
        root = await queries.place(session, project, model, version)
        head = await queries.file(session, project, root, "MLmodel")
    if head is None or head[1] > flavors.MOST:
        raise flavors.refused("It has no file MLmodel of a usual size.")
    async with services.inspecting:
        path = await asyncio.to_thread(flavors.graph, await services.store.read(head[0]))
    async with services.readers() as session:
        found = await queries.file(session, project, root, path)
    if found is None:
        raise flavors.refused(f"Its graph {path[:100]!r} is not among its files.")
    await release.inspect(services.store, services.inspecting, "model.onnx", found[0])
    return AdoptableRead(model=model, version=version, path=path, digest=found[0], size=found[1])

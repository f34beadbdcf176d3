"""What the contract promises of the target: whether its classes are a guess, or a person said them."""

from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.data import ColumnContract, DataContract
from millrace_controller.services import Services
from millrace_controller.tables import Loop

CLASSES = "multiclass"
"""The task whose classes may become more."""


async def of_target(services: Services, loop: Loop) -> ColumnContract | None:
    """The promise that holds: as it was said if somebody changed it since, else as the data has taught it.

    None: the classes of this task are fixed, or nothing is known of the data yet.
    """
    spec = loop.spec
    if spec.task != CLASSES:
        return None
    said = None if spec.data.contract is None else _column(spec.data.contract, spec.target)
    try:
        newest = await services.clients.registry.dataset_version(spec.data.dataset, project=loop.project)
    except ApiError as error:
        if error.status != 404:
            raise
        return said
    declared, kept = _read(newest.declared, spec.target), _read(newest.contract, spec.target)
    return said if said is not None and (kept is None or said != declared) else kept


def _read(contract: Document | None, target: str) -> ColumnContract | None:
    return _column(DataContract.model_validate(contract), target) if contract else None


def _column(contract: DataContract, name: str) -> ColumnContract | None:
    return next((column for column in contract.columns if column.name == name), None)

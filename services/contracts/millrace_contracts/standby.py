"""What the pod that a project's versions without traffic share has to have loaded."""

from pydantic import Field

from millrace_contracts.bodies import Read
from millrace_contracts.names import Digest, Name, VersionNumber
from millrace_contracts.variants import TargetName


class StandbyVersion(Read):
    """A revision as the pod has to load it; all else about it stands in the registry."""

    name: str = Field(description="Name on the wire: `<endpoint>--r<number>`.")
    model: Name
    version: VersionNumber
    digest: Digest = Field(description="Digest of the graph of the form that it serves.")
    target: TargetName
    size: int | None = Field(default=None, description="Bytes of that graph; null: not known yet.")
    answers: bool = Field(
        default=True,
        description="It has traffic: the pod takes none before it is loaded, and loads it first.",
    )


class StandbyRead(Read):
    """Everything that the shared pod of a project has to have loaded, the most important first."""

    items: list[StandbyVersion]

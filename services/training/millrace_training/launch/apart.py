"""The container in which code of a user's own trains: its own image beside the job's, and no token."""

from collections.abc import Mapping, Sequence

from millrace_contracts.custom_code import CodeSpec
from millrace_core import pods
from millrace_core.pods import Part
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

FOLDER = "/code"
TOOL = f"{FOLDER}/millrace_job.py"
APART = f"{pods.PREFIX}/apart"
"""Label of pods whose code may not use the network: a NetworkPolicy leaves them our services alone, and no DNS."""
NOWHERE: Part = {
    "dnsPolicy": "None",
    "dnsConfig": {
        "nameservers": ["127.0.0.1"],
        "options": [{"name": "timeout", "value": "1"}, {"name": "attempts", "value": "1"}],
    },
}
"""Of a pod that looks up no name: nobody answers there."""
WAIT = (
    "import os, runpy, sys, time\n"
    f"while not os.path.exists({TOOL!r}): time.sleep(0.2)\n"
    f"sys.argv = [{TOOL!r}, '--serve', {FOLDER!r}]\n"
    f"runpy.run_path({TOOL!r}, run_name='__main__')\n"
)
"""The job's own container puts the tool there, whichever of the two begins first."""


def code_of(job: Job) -> CodeSpec | None:
    """The code that a job is to run, if it is one that trains by code of a user's own."""
    named = job.spec.get("code") if job.kind == "train" else None
    return None if named is None else CodeSpec.model_validate(named)


def labels(code: CodeSpec | None) -> dict[str, str]:
    """Labels by which its pod is kept from the network."""
    return {} if code is None or code.network else {APART: "true"}


def nameless(pod: Part, hosts: Mapping[str, Sequence[str]]) -> Part:
    """The pod without DNS, by which data could leave it too: it knows these names alone.

    Args:
        hosts: names by address.
    """
    aliases = [{"ip": address, "hostnames": list(names)} for address, names in sorted(hosts.items())]
    return pod | NOWHERE | ({"hostAliases": aliases} if aliases else {})


def container(
    code: CodeSpec, settings: TrainingSettings, threads: Mapping[str, str], resources: Part
) -> Part:
    """A container that runs beside the job's own and ends with it; killed for want of memory, it is started again."""
    mounts = [pods.mount("code", FOLDER), pods.mount("code-tmp", pods.SCRATCH)]
    made = pods.container(
        "code",
        code.image or settings.job_image,
        {"HOME": pods.SCRATCH, "PYTHONDONTWRITEBYTECODE": "1", **threads},
        resources,
        mounts,
        command=[code.python or "python", "-c", WAIT],
    )
    return made | {"restartPolicy": "Always"}


def added(pod: Part, made: Part, disk: str) -> Part:
    """The pod with that container, and the folder that both share."""
    own, *others = pod["containers"]
    shared = own | {
        "env": [*own["env"], {"name": "MILLRACE_CODE_FOLDER", "value": FOLDER}],
        "volumeMounts": [*own["volumeMounts"], pods.mount("code", FOLDER)],
    }
    volumes = [*pod["volumes"], pods.room("code", disk), pods.room("code-tmp", disk)]
    return pod | {"containers": [shared, *others], "initContainers": [made], "volumes": volumes}

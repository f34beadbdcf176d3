"""Every role and what it may do, in this one place: of people in a project, and of Millrace's own parts.

A permission is `<service>.<noun>.<read|write>`; every route names one. docs/reference/roles.md shows the outcome.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

VIEWER = ("*.read",)
LABELLER = (*VIEWER, "monitoring.labels.write", "monitoring.reviews.write")
OPERATOR = (
    *LABELLER,
    "registry.archives.write",
    "registry.artifacts.write",
    "registry.mlflow.write",
    "registry.quarantine.write",
    "training.data.write",
    "training.jobs.write",
    "controller.loops.write",
    "controller.backtests.write",
    "serving.predictions.write",
    "monitoring.explanations.write",
    "monitoring.alarms.write",
    "monitoring.channels.write",
)
APPROVER = (*VIEWER, "registry.archives.write", "registry.quarantine.write", "controller.approvals.write")
ADMIN = (
    *OPERATOR,
    "registry.datasets.write",
    "registry.models.write",
    "registry.runs.write",
    "serving.endpoints.write",
    "serving.rollouts.write",
    "serving.keys.write",
    "monitoring.monitors.write",
    "monitoring.logs.write",
)
"""What Millrace's parts tell of themselves (decisions, verdicts, measurements) is not for a team's admin to write."""

IN_A_PROJECT = {
    "viewer": VIEWER,
    "labeller": LABELLER,
    "operator": OPERATOR,
    "approver": APPROVER,
    "admin": ADMIN,
}
"""What a role of people may do that is given in one project."""

PEOPLE = tuple(IN_A_PROJECT)
"""Roles of people, from the one that may least; each is given in one project, or everywhere."""

ROLES: dict[str, tuple[str, ...]] = {
    "viewer": VIEWER,
    "labeller": LABELLER,
    "operator": OPERATOR,
    "approver": APPROVER,
    "admin": ("*",),
    "prometheus": ("metrics.read",),
    "gateway": ("serving.discovery.read", "serving.refusals.read", "monitoring.logs.write"),
    "registry": ("registry.*",),
    "training": (
        "training.*",
        "registry.*",
        "monitoring.*.read",
        "monitoring.logs.write",
        "controller.loops.read",
    ),
    "serving": (
        "serving.*",
        "registry.*.read",
        "registry.credentials.write",
        "registry.decisions.write",
        "registry.heads.write",
        "monitoring.*.read",
        "monitoring.explanations.write",
    ),
    "monitoring": (
        "monitoring.*",
        "registry.*.read",
        "registry.artifacts.write",
        "registry.credentials.write",
        "registry.decisions.write",
        "registry.heads.write",
        "serving.*.read",
    ),
    "controller": ("*",),
    "triton": ("registry.models.read", "registry.artifacts.read", "serving.standby.read"),
    "measure": ("registry.models.read", "registry.artifacts.read", "serving.measurements.write"),
    "job": (
        "training.workspace.*",
        "training.jobs.read",
        "registry.*",
        "monitoring.*.read",
        "monitoring.logs.write",
    ),
    "pipeline": (
        "controller.loops.read",
        "controller.runs.*",
        "training.*",
        "registry.*",
        "serving.*.read",
        "monitoring.*.read",
    ),
    "backtest": (
        "controller.loops.*",
        "controller.runs.read",
        "controller.backtests.*",
        "controller.replays.write",
        "training.jobs.*",
        "registry.*.read",
        "registry.artifacts.write",
        "serving.*.read",
        "monitoring.*.read",
        "monitoring.logs.write",
        "monitoring.labels.write",
    ),
}
"""What a role may do that holds everywhere; that of the parts of Millrace always does."""

KNOWN = frozenset({
    "registry.whoami.read", "registry.projects.read", "controller.capabilities.read", "registry.tokens.read",
    "registry.tokens.write",
})  # fmt: skip
"""What everybody may whose token is believed; of projects and tokens they are shown their own."""

PARTS = ("registry", "training", "serving", "monitoring", "controller", "gateway")
"""Roles of Millrace's own parts: in decisions they go by these names wherever they run."""


@lru_cache(4096)
def allows(role: str, permission: str) -> bool:
    """Whether *role* has *permission* where it holds everywhere; a role that nobody knows has none."""
    return any(fnmatchcase(permission, pattern) for pattern in ROLES.get(role, ()))


@lru_cache(4096)
def allows_there(role: str, permission: str) -> bool:
    """Whether *role* has *permission* in the project in which it was given."""
    return any(fnmatchcase(permission, pattern) for pattern in IN_A_PROJECT.get(role, ()))


def covers(mine: Iterable[str], role: str, everywhere: bool) -> bool:
    """Whether the roles *mine* may at least what *role* may: everywhere, or in the project in which both are given."""
    if everywhere and "admin" in mine:
        return True
    known = ROLES if everywhere else IN_A_PROJECT
    return set(known[role]) <= {permission for one in mine for permission in known[one]}


def those_with(permission: str, in_a_project: bool) -> list[str]:
    """The roles of people that have *permission*, the least first."""
    return [role for role in PEOPLE if (allows_there if in_a_project else allows)(role, permission)]

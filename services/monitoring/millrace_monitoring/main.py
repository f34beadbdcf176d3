"""The monitoring service: receives what was predicted, joins the truth, closes days, raises alarms."""

from typing import Any

from fastapi import FastAPI

from millrace_core.app import create_app
from millrace_core.ledger import routes as ledger
from millrace_core.ledger.telling import tell_forever as tell_head_forever
from millrace_core.outbox import deliver_forever
from millrace_monitoring.alarms import routes as alarms
from millrace_monitoring.alarms.silencing import run_out_forever
from millrace_monitoring.arms import routes as comparisons
from millrace_monitoring.closing import routes as closing
from millrace_monitoring.closing.controller import close_forever
from millrace_monitoring.estimates import routes as estimates
from millrace_monitoring.estimates.controller import estimate_forever
from millrace_monitoring.explanations import routes as explanations
from millrace_monitoring.feedback import routes as feedback
from millrace_monitoring.glances import routes as glances
from millrace_monitoring.ingest import receiver
from millrace_monitoring.ingest import routes as ingest
from millrace_monitoring.ingest.merging import merge_forever
from millrace_monitoring.labels import routes as labels
from millrace_monitoring.monitors import routes as monitors
from millrace_monitoring.notices import rereading
from millrace_monitoring.notices import routes as notices
from millrace_monitoring.notices.controller import tell_forever
from millrace_monitoring.pushes.checks import STAGES
from millrace_monitoring.pushes.starting import take_over
from millrace_monitoring.pushes.tables import LedgerRow
from millrace_monitoring.reports import routes as reports
from millrace_monitoring.requests import routes as requests
from millrace_monitoring.retention.controller import retain_forever
from millrace_monitoring.reviews import routes as reviews
from millrace_monitoring.services import make
from millrace_monitoring.settings import MonitoringSettings
from millrace_monitoring.tables import Outbox

ROUTERS = (
    glances,
    monitors,
    ingest,
    labels,
    closing,
    comparisons,
    estimates,
    alarms,
    feedback,
    reports,
    notices,
    requests,
    reviews,
    explanations,
)


def _tasks(inside: bool) -> list[Any]:
    """Background tasks; of a replay nobody is told, nobody asks for quiet, and no label is waited for."""
    replayed = [close_forever, merge_forever, retain_forever, deliver_forever(Outbox)]
    if inside:
        return replayed
    told = [tell_forever, rereading.read_forever, run_out_forever, tell_head_forever(LedgerRow)]
    return [*replayed, estimate_forever, *told]


def build(settings: MonitoringSettings | None = None) -> FastAPI:
    """The service as an application."""
    settings = settings or MonitoringSettings()
    return create_app(
        settings,
        "monitoring",
        [*(module.router for module in ROUTERS), ledger.router(LedgerRow, STAGES)],
        metadata_package="millrace_monitoring",
        background=_tasks(settings.inside),
        ready={"receiver": receiver.ready},
        start=[ledger.begin(LedgerRow), take_over, receiver.start],
        stop=[receiver.stop],
        make=make,
    )

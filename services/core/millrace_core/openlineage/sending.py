"""Sends an event as OpenLineage writes it; the only importer of `openlineage`, and only where a receiver is named."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from millrace_core.openlineage.events import ERROR_LENGTH, Happened, Place
from millrace_core.settings import Settings

if TYPE_CHECKING:
    from openlineage.client.generated.base import DatasetFacet, OutputDatasetFacet, RunFacet

PRODUCER = "https://millrace.dev/openlineage/v1"
ENDPOINT = "api/v1/lineage"
SECONDS = 10.0
LATER = (408, 425, 429)
"""Answers below 500 after which the same event may be taken."""


class Refused(Exception):
    """The receiver will never take this event."""


def sender(settings: Settings) -> Callable[[Happened], None]:
    """What sends one event to the receiver of *settings*, blocking; the client is loaded with the first."""

    @cache
    def transport() -> Any:
        return _transport(settings)

    def emit(happened: Happened) -> None:
        event = event_of(happened, settings.openlineage_namespace)
        _emit(transport(), event)

    return emit


def _transport(settings: Settings) -> Any:
    url, key = settings.openlineage_url, settings.openlineage_key.get_secret_value()
    if url.startswith("file://"):
        from openlineage.client.transport.file import FileConfig, FileTransport

        return FileTransport(FileConfig(log_file_path=urlsplit(url).path, append=True))
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    place = urlsplit(url)
    config: dict[str, object] = {
        "url": f"{place.scheme}://{place.netloc}",
        "endpoint": place.path.lstrip("/") or ENDPOINT,
        "timeout": SECONDS,
        "retry": {"total": 0},
    }
    if key:
        config["auth"] = {"type": "api_key", "api_key": key}
    return HttpTransport(HttpConfig.from_dict(config))


def _emit(transport: Any, event: Any) -> None:
    from requests import HTTPError

    try:
        transport.emit(event)
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else 500
        if status < 500 and status not in LATER:
            raise Refused(f"{status}: {error.response.text[:300]}") from error
        raise


def event_of(happened: Happened, namespace: str) -> Any:
    """The client's own event; *namespace* stands before the project's in the names of jobs and of our data."""
    from openlineage.client import event_v2 as lineage
    from openlineage.client.generated import job_type_job

    where = f"{namespace}/{happened.project}"
    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="MILLRACE", jobType=happened.kind.upper(), producer=PRODUCER
    )
    return lineage.RunEvent(
        eventType=lineage.RunState(happened.move),
        eventTime=happened.at.isoformat(),
        run=lineage.Run(runId=str(happened.run), facets=_run_facets(happened, where)),
        job=lineage.Job(namespace=where, name=happened.job, facets={"jobType": kind}),
        inputs=[
            lineage.InputDataset(namespace=item.namespace or where, name=item.name, facets=_facets(item))
            for item in happened.inputs
        ],
        outputs=[
            lineage.OutputDataset(
                namespace=item.namespace or where,
                name=item.name,
                facets=_facets(item),
                outputFacets=_written(item),
            )
            for item in happened.outputs
        ],
        producer=PRODUCER,
    )


def _run_facets(happened: Happened, where: str) -> "dict[str, RunFacet]":
    from openlineage.client.generated import error_message_run, nominal_time_run, parent_run

    facets: dict[str, RunFacet] = {}
    if happened.parent is not None:
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=str(happened.parent.run)),
            job=parent_run.Job(namespace=where, name=happened.parent.job),
            producer=PRODUCER,
        )
    if happened.nominal is not None:
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=happened.nominal.isoformat(), producer=PRODUCER
        )
    if happened.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=happened.error[:ERROR_LENGTH], programmingLanguage="PYTHON", producer=PRODUCER
        )
    return facets


def _facets(item: Place) -> "dict[str, DatasetFacet]":
    from openlineage.client.generated import dataset_version_dataset

    if item.version is None:
        return {}
    version = dataset_version_dataset.DatasetVersionDatasetFacet(
        datasetVersion=item.version, producer=PRODUCER
    )
    return {"version": version}


def _written(item: Place) -> "dict[str, OutputDatasetFacet]":
    from openlineage.client.generated import output_statistics_output_dataset as statistics

    if item.rows is None:
        return {}
    counted = statistics.OutputStatisticsOutputDatasetFacet(rowCount=item.rows, producer=PRODUCER)
    return {"outputStatistics": counted}

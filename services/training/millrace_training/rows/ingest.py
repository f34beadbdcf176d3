"""Job `ingest`: a delivery that keeps the contract becomes a dataset version, any other is quarantined."""

from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.transport.errors import ApiError
from millrace_contracts.counting import counted
from millrace_contracts.datasets import DataFile, DatasetVersionRead, DatasetVersionWrite
from millrace_contracts.rows import Check, DeliveryReport, IngestResult, IngestSpec
from millrace_table.pieces import Filed, Rows
from millrace_training.rows import delivery, files, holding, present, repeats
from millrace_training.rows.delivery import Delivery
from millrace_training.rows.holding import Accepted
from millrace_training.rows.present import Present
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context

MEDIA_TYPE = "application/vnd.apache.parquet"
PARENT_ATTEMPTS = 5
TOLD = 5
"""Changes of a contract that are told in one sentence."""


def run(spec: IngestSpec, context: Context) -> IngestResult:
    """Accept or refuse one delivery; both are results, and both are kept in the registry."""
    records = Records(context)
    context.report("fetch")
    records.ensure_dataset(spec.dataset)
    came = delivery.fetch(
        spec, records, lambda size: context.report("fetch", message=f"{size / 2**20:.1f} MiB")
    )
    return take(spec, context, records, came)


def take(spec: holding.Asked, context: Context, records: Records, came: Delivery) -> IngestResult:
    """Hold one delivery to the contract: it becomes a version of the dataset, or is kept in quarantine."""
    made, parent = _standing(records, context, spec.dataset, came.source.digest)
    if came.is_empty_feedback:
        return _unchanged(parent)
    context.report("read")

    def told(what: str, rows: int) -> None:
        numbers = {"rows": rows} if what == "read" else {}
        context.report("read", message=f"{rows:,} rows {what}", **numbers)

    before = None if parent is None else Present(records, parent)
    with TemporaryDirectory(prefix="rows-", dir=context.scratch) as folder:
        taken = holding.take(spec, came, parent, before, Path(folder), told)
        if isinstance(taken, DeliveryReport):
            return _refuse(records, spec, came, taken, parent)
        context.report("keep")
        return _accept(records, spec.dataset, taken, made, before)


def _accept(
    records: Records,
    dataset: str,
    whole: Accepted,
    made: DatasetVersionRead | None,
    before: Present | None,
) -> IngestResult:
    """The version with what of the delivery is new; *made*: an earlier attempt of this job has added it.

    *before*: the rows that it was held against; it is compared with others only if another version came between.
    """
    for attempt in range(PARENT_ATTEMPTS):
        parent = _parent_of(records, dataset, made)
        if parent is not None and (before is None or before.version.number != parent.number):
            before = Present(records, parent)
        news = whole.against(before)
        if not news.rows.num_rows and parent is not None:
            told = whole.report.model_copy(update={"repeated": news.report.repeated})
            return _unchanged(parent).model_copy(update={"report": told, "reason": _nothing_new(news)})
        try:
            version = made or records.add_version(dataset, _version(records, before, news))
            return _accepted(dataset, version, parent, news)
        except ApiError as error:
            if error.status != 409 or attempt == PARENT_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _accepted(
    dataset: str, version: DatasetVersionRead, parent: DatasetVersionRead | None, news: Accepted
) -> IngestResult:
    name = news.source.name
    return IngestResult(
        accepted=True,
        dataset_version=version.number,
        rows=version.rows,
        new_rows=version.rows - (parent.rows if parent else 0),
        last_event=version.last_event,
        report=news.report,
        changes=news.changes,
        reason=f"{counted(news.rows.num_rows, f'row of {name} keeps', f'rows of {name} keep')} the contract"
        f"{_beside(news.report, news.changes)}; version {version.number} of {dataset} has "
        f"{counted(version.rows, 'row')}.",
    )


def _beside(report: DeliveryReport, changes: list[str]) -> str:
    told = []
    if report.corrected:
        told.append(
            counted(report.corrected, "of them corrects an earlier row", "of them correct earlier rows")
        )
    if report.repeated:
        told.append(counted(report.repeated, "more was there already", "more were there already"))
    told += [one.observed for one in report.checks if one.check == "new classes"]
    if changes:
        more = f" and {len(changes) - TOLD} more" if len(changes) > TOLD else ""
        told.append(f"the contract's guess has grown: {', '.join(changes[:TOLD])}{more}")
    return f" ({'; '.join(told)})" if told else ""


def _nothing_new(news: Accepted) -> str:
    rows = news.report.repeated
    all_of = "The one row" if rows == 1 else f"All {rows} rows"
    was = "was" if rows == 1 else "were"
    return f"{all_of} of {news.source.name} {was} there already: there is nothing new."


def _standing(
    records: Records, context: Context, dataset: str, digest: str
) -> tuple[DatasetVersionRead | None, DatasetVersionRead | None]:
    """The version that an earlier attempt of this job made, if it did, and the one to build upon."""
    latest = records.latest(dataset)
    first = _first_parent(context, latest)
    if latest is None or latest.number == first:
        return None, latest
    since = [version for version in records.versions(dataset) if version.number > first]
    made = next((version for version in since if version.source.digest == digest), None)
    return made, _parent_of(records, dataset, made)


def _parent_of(records: Records, dataset: str, made: DatasetVersionRead | None) -> DatasetVersionRead | None:
    if made is None:
        return records.latest(dataset)
    return None if made.parent is None else records.version(dataset, made.parent)


def _first_parent(context: Context, latest: DatasetVersionRead | None) -> int:
    """The newest version before the first attempt of this job, which a crash must not make it forget."""
    path = context.scratch / "parent"
    if not path.exists():
        path.write_text(str(latest.number if latest else 0))
    return int(path.read_text())


def _version(records: Records, before: Present | None, came: Accepted) -> DatasetVersionWrite:
    file = _kept(records, came.rows)
    parent, contract = None if before is None else before.version, came.contract
    if before is None:
        now = present.first(records, repeats.latest(came.rows, contract.key), contract)
    else:
        now = before.extended(came.rows, contract, came.report.corrected)
    return DatasetVersionWrite(
        parent=None if parent is None else parent.number,
        files=[*(parent.files if parent else ()), file],
        data_schema=now.schema,
        profile=now.profile,
        index=now.index,
        contract=contract.model_dump(mode="json"),
        declared=came.declared.model_dump(mode="json") if came.declared else None,
        source=came.source,
        rows=now.rows,
        first_event=now.span[0],
        last_event=now.span[1],
    )


def _kept(records: Records, rows: Rows) -> DataFile:
    if isinstance(rows, Filed):
        path = files.to_file(rows, rows.folder / "kept.parquet")
        return DataFile(digest=records.keep(path, MEDIA_TYPE), rows=rows.num_rows, size=path.stat().st_size)
    data = files.to_parquet(rows)
    return DataFile(digest=records.keep(data, MEDIA_TYPE), rows=rows.num_rows, size=len(data))


def _refuse(
    records: Records,
    spec: holding.Asked,
    came: Delivery,
    report: DeliveryReport,
    parent: DatasetVersionRead | None,
) -> IngestResult:
    """Keep the bytes as they came, beside the report that says what is wrong with them."""
    digest = came.source.digest if came.kept else records.keep(came.data, MEDIA_TYPE)
    origin = came.source.model_copy(update={"format": came.format})
    reasons = "; ".join(_sentence(item) for item in report.failed[:5])
    return IngestResult(
        accepted=False,
        dataset_version=parent.number if parent else None,
        rows=parent.rows if parent else 0,
        report=report,
        quarantine=records.quarantine(spec.dataset, digest, origin, report),
        reason=f"{came.source.name} was refused: {reasons}.",
        failed=report.broken,
    )


def _sentence(item: Check) -> str:
    where = "" if item.column is None else f"'{item.column}': "
    return f"{where}{item.observed.rstrip('.')} ({item.check})"


def _unchanged(parent: DatasetVersionRead | None) -> IngestResult:
    return IngestResult(
        accepted=parent is not None,
        dataset_version=parent.number if parent else None,
        rows=parent.rows if parent else 0,
        unchanged=True,
        last_event=parent.last_event if parent else None,
        reason="There are no new rows.",
    )

"""Job `ingest`: a delivery that keeps the contract becomes a dataset version, any other is quarantined."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace.client.transport import ApiError
from millrace.contract import DataContract
from millrace.data import inference, reading
from millrace.data.refusals import Check, Unreadable
from millrace_training.rows import checks, delivery, files, profile
from millrace_training.rows.checks import Checked
from millrace_training.rows.delivery import Delivery
from millrace_training.rows.infer import schema
from millrace_training.rows.records import Records
from millrace_training.rows.schemas import IngestSpec, Report
from millrace_training.runtime.context import Context

MEDIA_TYPE = "application/vnd.apache.parquet"
PARENT_ATTEMPTS = 5


def run(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """Accept or refuse one delivery; both are results, and both are kept in the registry."""
    asked, records = IngestSpec.model_validate(spec), Records(context)
    context.report("fetch")
    records.ensure_dataset(asked.dataset)
    parent = records.latest(asked.dataset)
    came = delivery.fetch(asked, records)
    if came.is_empty_feedback:
        return _unchanged(parent)
    context.report("check")
    try:
        raw = reading.read(came.data, came.format)
        contract = contract_of(asked, parent, raw)
        checked = checks.check(raw, contract, asked.timezone, came.partial)
    except Unreadable as error:
        return _refuse(records, asked, came, Report(rows=0, checks=[error.check]), parent)
    rows = int(checked.keep.sum())
    found = [*checked.checks, checks.volume((parent or {}).get("rows", 0) + rows, contract)]
    report = Report(rows=raw.num_rows, checks=found)
    if any(item.verdict == "failed" for item in found):
        return _refuse(records, asked, came, report, parent)
    context.report("keep")
    return _accept(records, context, asked, came, checked, contract, report)


def contract_of(asked: IngestSpec, parent: dict[str, Any] | None, raw: pa.Table) -> DataContract:
    """The contract that was given, else the dataset's own, else one inferred from this first delivery.

    Raises: Unreadable if the target or the event time is not among its columns.
    """
    kept = (parent or {}).get("contract")
    contract = asked.contract or (DataContract.model_validate(kept) if kept else None)
    if contract is None:
        return inference.infer(raw, asked.target, asked.event_time, asked.timezone)
    roles = {
        "target": asked.target or contract.target,
        "event_time": asked.event_time or contract.event_time,
    }
    inference.check_roles([column.name for column in contract.columns], **roles)
    contract = contract.model_copy(update=roles)
    inference.check_event_time(contract)
    return contract


def _accept(
    records: Records,
    context: Context,
    asked: IngestSpec,
    came: Delivery,
    checked: Checked,
    contract: DataContract,
    report: Report,
) -> dict[str, Any]:
    table = _ordered(checked.kept, contract.event_time)
    data = files.to_parquet(table)
    file = {"digest": records.keep(data, MEDIA_TYPE), "rows": table.num_rows, "size": len(data)}
    source = delivery.ended(came.source, table, contract.event_time)
    first = _first_parent(context, records.latest(asked.dataset))
    for attempt in range(PARENT_ATTEMPTS):
        parent = records.latest(asked.dataset)
        body = _version(records, parent, file, table, source, contract)
        try:
            made = records.add_version(asked.dataset, body)
        except ApiError as error:
            if error.status != 409 or attempt == PARENT_ATTEMPTS - 1:
                raise
            continue
        break
    if made["number"] <= first:
        return _unchanged(parent) | {"report": report.model_dump(mode="json")}
    return _result(
        accepted=True,
        dataset_version=made["number"],
        rows=made["rows"],
        new_rows=table.num_rows,
        last_event=made["last_event"],
        report=report.model_dump(mode="json"),
        reason=f"{table.num_rows} rows of {source['name']} keep the contract; version {made['number']} of "
        f"{asked.dataset} has {made['rows']} rows.",
    )


def _ordered(table: pa.Table, event_time: str | None) -> pa.Table:
    """Rows in the order of their event time; those of one instant as they came."""
    if event_time is None:
        return table
    return table.take(pc.sort_indices(table, sort_keys=[(event_time, "ascending")]))


def _first_parent(context: Context, latest: dict[str, Any] | None) -> int:
    """The newest version before the first attempt of this job, which a crash must not make it forget."""
    path = context.scratch / "parent"
    if not path.exists():
        path.write_text(str(latest["number"] if latest else 0))
    return int(path.read_text())


def _version(
    records: Records,
    parent: dict[str, Any] | None,
    file: dict[str, Any],
    table: pa.Table,
    source: dict[str, Any],
    contract: DataContract,
) -> dict[str, Any]:
    before = [] if parent is None else parent["files"]
    whole = (
        table
        if parent is None
        else pa.concat_tables([records.rows(parent), table], promote_options="default")
    )
    first, last = profile.span(whole, contract.event_time)
    return {
        "parent": None if parent is None else parent["number"],
        "files": [*before, file],
        "schema": schema(whole),
        "profile": profile.profile(whole),
        "contract": contract.model_dump(mode="json"),
        "source": source,
        "rows": whole.num_rows,
        "first_event": first,
        "last_event": last,
    }


def _refuse(
    records: Records,
    asked: IngestSpec,
    came: Delivery,
    report: Report,
    parent: dict[str, Any] | None,
) -> dict[str, Any]:
    """Keep the bytes as they came, beside the report that says what is wrong with them."""
    digest = came.source["digest"]
    if came.partial:
        digest = records.keep(came.data, MEDIA_TYPE)
    shown = report.model_dump(mode="json")
    failed = [item for item in report.checks if item.verdict == "failed"]
    return _result(
        accepted=False,
        dataset_version=parent["number"] if parent else None,
        rows=parent["rows"] if parent else 0,
        report=shown,
        quarantine=records.quarantine(asked.dataset, digest, came.source, shown),
        reason=f"{came.source['name']} was refused: "
        + "; ".join(_sentence(item) for item in failed[:5])
        + ".",
        failed=[{"check": item.check, "column": item.column} for item in failed],
    )


def _sentence(item: Check) -> str:
    where = "" if item.column is None else f"'{item.column}': "
    return f"{where}{item.observed.rstrip('.')} ({item.check})"


def _unchanged(parent: dict[str, Any] | None) -> dict[str, Any]:
    return _result(
        accepted=parent is not None,
        dataset_version=parent["number"] if parent else None,
        rows=parent["rows"] if parent else 0,
        unchanged=True,
        last_event=parent["last_event"] if parent else None,
        reason="There are no new rows.",
    )


def _result(**known: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "accepted": False,
        "dataset_version": None,
        "rows": 0,
        "new_rows": 0,
        "unchanged": False,
        "report": {"rows": 0, "checks": []},
        "quarantine": None,
        "last_event": None,
        "reason": "",
        "failed": [],
    }
    return empty | known

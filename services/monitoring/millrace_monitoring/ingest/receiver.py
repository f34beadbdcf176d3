"""The OTLP receiver: the gateway's access log over gRPC, answered when it is durable."""

import asyncio

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from millrace_core.auth import Tokens
from millrace_core.errors import Unavailable
from millrace_core.log import log
from millrace_monitoring.ingest import exports, queries, segments, watched
from millrace_monitoring.ingest.intake import REMEMBERED, Batch, Full, Intake
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.services import Services
from millrace_monitoring.wakeups import Opened

PERMISSION = "monitoring.logs.write"
MESSAGE_BYTES = 64 * 2**20
"""Largest export; the gateway flushes at 256 KiB, or after a single larger body."""

SERVICE = logs_service_pb2.DESCRIPTOR.services_by_name["LogsService"].full_name


class Receiver:
    """LogsService.Export behind a bearer token."""

    def __init__(self, intake: Intake, tokens: Tokens) -> None:
        self._intake, self._tokens = intake, tokens

    def handler(self) -> grpc.GenericRpcHandler:
        """The service as a server takes it."""
        answer = ExportLogsServiceResponse.SerializeToString
        export = grpc.unary_unary_rpc_method_handler(self._export, exports.read, answer)
        return grpc.method_handlers_generic_handler(SERVICE, {"Export": export})

    async def _export(
        self, request: ExportLogsServiceRequest, context: grpc.aio.ServicerContext
    ) -> ExportLogsServiceResponse:
        """Store the records; an answer means that they are on the disk."""
        if not await self._may(context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"a token with {PERMISSION} is needed")
        try:
            await self._intake.offer(request)
        except Full:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full; the records are dropped"
            )
        except Exception:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the records could not be stored; see the log")
        return ExportLogsServiceResponse()

    async def _may(self, context: grpc.aio.ServicerContext) -> bool:
        """Whether the caller shows a token with the permission; its issuer may have to be asked."""
        metadata = dict(context.invocation_metadata() or ())
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            actor = await self._tokens.find(token.strip())
        except Unavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, error.detail)
        return actor is not None and actor.may(PERMISSION)


async def start(services: Services) -> None:
    """Open the receiver; `services.reception` then tells its port."""
    settings = services.settings
    intake = Intake(lambda batch: _write(services, batch), settings.flush_seconds, settings.queue_bytes)
    await _remember(services, intake)
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
    )
    server.add_generic_rpc_handlers([Receiver(intake, services.tokens).handler()])
    port = server.add_insecure_port(f"{settings.otlp_host}:{settings.otlp_port}")
    services.reception.opened = Opened(intake, asyncio.create_task(_run(intake)), server, port)
    await server.start()
    log.info("receiving the access log", port=port)


async def _run(intake: Intake) -> None:
    """Write micro-batches until cancelled, then what waits."""
    try:
        await intake.run()
    finally:
        await intake.flush()


async def stop(services: Services) -> None:
    """Take no more, write what waits."""
    opened = services.reception.now
    await opened.server.stop(grace=1.0)
    opened.task.cancel()
    await asyncio.gather(opened.task, return_exceptions=True)


async def ready(services: Services) -> str | None:
    """None while the intake runs."""
    opened = services.reception.opened
    return "the intake has stopped" if opened is None or opened.task.done() else None


async def _write(services: Services, batch: Batch) -> None:
    """Bytes first, then the rows that say they are there; the pass that closes days hears of it."""
    stored = []
    for segment in batch.segments:
        data = await asyncio.to_thread(segments.dump, segment.table)
        stored.append(queries.Stored(segment, await services.store.put(data)))
    entries = await watched.chosen(services, batch.segments)
    if stored or batch.tally.counts:
        async with services.sessions.begin() as session:
            await queries.add(session, stored, batch.tally)
            await watched.store(session, entries)
    await services.wakeups.wake()


async def _remember(services: Services, intake: Intake) -> None:
    async with services.readers() as session:
        stored = await queries.newest(session, REMEMBERED)
    for row in stored:
        table = segments.load(await services.store.read(row.digest))
        intake.remember(Segment(row.project, row.endpoint, table))

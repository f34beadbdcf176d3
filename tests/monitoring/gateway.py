"""What Envoy sends of a request that it let through, and how it sends it."""

import base64
import time
from datetime import timedelta

import grpc
import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from millrace.oip import encode
from millrace_contracts import access

from .sales import START, table_of_day

GATEWAY = (("authorization", "Bearer gateway-token"),)


def log_record(
    request_id, features, answers, at=START, listener="inference", revision="sales--r1", binary=True, **more
):
    """Fields as the gateway fills them in."""
    columns = {"price": ("FP32", features["price"]), "shop": ("BYTES", features["shop"])}
    if binary:
        body, headers = encode(columns, request_id)
        length = headers["inference-header-content-length"]
    else:
        inputs = [
            {"name": name, "datatype": kind, "shape": [len(values), 1], "data": values.tolist()}
            for name, (kind, values) in columns.items()
        ]
        body, length = orjson.dumps({"inputs": inputs}), "-"
    output = {
        "name": "prediction",
        "datatype": "FP32",
        "shape": [len(answers), 1],
        "data": [float(v) for v in answers],
    }
    answer = orjson.dumps({"outputs": [output]})
    return {
        "request_id": request_id,
        "endpoint": "sales",
        "revision": revision,
        "listener": listener,
        "key": f"key-{request_id}",
        "event_time": at.isoformat(),
        "status": "200",
        "flags": "-",
        "duration_ms": "3",
        "request": base64.b64encode(body).decode(),
        "response": base64.b64encode(answer).decode(),
        "request_json_length": length,
        "response_json_length": "-",
        "request_skipped": "-",
        "response_skipped": "-",
    } | more


def export(records):
    """Records as the gateway sends them."""
    return exported(records, lambda item, fields: setattr(item.body, "string_value", access.written(fields)))


def exported_before(records):
    """Records as the gateway sent them before: an attribute for each field, the request as body."""

    def write(item, fields):
        item.body.string_value = fields["request"]
        for key in fields.keys() - {"request"}:
            item.attributes.add(key=key).value.string_value = fields[key]

    return exported(records, write)


def exported(records, write):
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add()
    for fields in records:
        write(logs.log_records.add(time_unix_nano=time.time_ns()), fields)
    return request


async def send(port, records, metadata=GATEWAY, made=export):
    own = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=own) as channel:
        await LogsServiceStub(channel).Export(made(records), metadata=metadata, timeout=300)


async def day_of_records(number, **more):
    """One day as three batches of 20 rows, binary and JSON."""
    features, sold = table_of_day(number)
    records = []
    for begin in range(0, 60, 20):
        part = {name: values[begin : begin + 20] for name, values in features.items()}
        at = START + timedelta(days=number, hours=begin / 5)
        answers = 2 * part["price"]
        records.append(log_record(f"d{number}-{begin // 20}", part, answers, at, binary=begin != 20, **more))
    return records, sold


async def counts(service):
    return (await service.call("GET", "/v1/monitors/sales"))["counts"]


def parts(features):
    return [
        {name: values[begin : begin + 20] for name, values in features.items()} for begin in range(0, 60, 20)
    ]

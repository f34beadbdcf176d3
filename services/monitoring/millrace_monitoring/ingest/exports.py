"""Reads the exports of the gateway's log, also those with a client's bytes that are no UTF-8.

Envoy takes such bytes in headers and puts them into texts as they came; protobuf refuses a whole export for one.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

FILES = (common_pb2, resource_pb2, logs_pb2, logs_service_pb2)
"""What an export is made of, each after what it needs."""


def read(data: bytes) -> ExportLogsServiceRequest:
    """An export; bytes that are no UTF-8 become U+FFFD, each. Raises: DecodeError for what is no export."""
    try:
        return ExportLogsServiceRequest.FromString(data)
    except DecodeError:
        loose = LOOSE.FromString(data)
        _mend(loose)
        return ExportLogsServiceRequest.FromString(loose.SerializeToString())


def _loose() -> Any:
    """The same message with bytes wherever it has a text."""
    pool = DescriptorPool()
    for module in FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for field in (field for message in file.message_type for field in message.field):
            if field.type == FieldDescriptorProto.TYPE_STRING:
                field.type = FieldDescriptorProto.TYPE_BYTES
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(ExportLogsServiceRequest.DESCRIPTOR.full_name))


LOOSE = _loose()


def _mend(message: Message) -> None:
    """Make all bytes in a loose message, and in what it holds, UTF-8."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else (value,):
                _mend(one)
        elif field.type == field.TYPE_BYTES and not field.is_repeated:
            setattr(message, field.name, value.decode(errors="replace").encode())

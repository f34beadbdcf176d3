"""What the backend understands: fields, filters, pipeline documents and parameters; anything else it refuses."""

import json
from email import message_from_bytes

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

EXPERIMENT = (
    "experiment_id", "display_name", "description", "created_at", "namespace", "storage_state", "last_run_created_at",
)  # fmt: skip
PIPELINE = ("pipeline_id", "display_name", "name", "description", "created_at", "namespace", "tags")
VERSION = ("pipeline_version_id", "display_name", "name", "description", "created_at")
RUN = (
    "experiment_id", "run_id", "display_name", "storage_state", "description", "pipeline_version_id", "pipeline_spec",
    "pipeline_version_reference", "runtime_config", "service_account", "created_at", "scheduled_at", "finished_at",
    "state", "error", "run_details", "recurring_run_id", "state_history", "plugins_input", "plugins_output",
)  # fmt: skip
LISTS = ("page_token", "page_size", "sort_by", "filter", "namespace")
TYPES = {
    pipeline_spec_pb2.ParameterType.STRING: lambda value: isinstance(value, str),
    pipeline_spec_pb2.ParameterType.NUMBER_INTEGER: lambda value: type(value) is int,
    pipeline_spec_pb2.ParameterType.NUMBER_DOUBLE: lambda value: type(value) in (int, float),
    pipeline_spec_pb2.ParameterType.BOOLEAN: lambda value: isinstance(value, bool),
}


class Wrong(Exception):
    """An error as the backend answers it; uploads have no gRPC code."""

    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message

    def body(self):
        if self.code is None:
            return {"error_message": self.message, "error_details": f"Error: {self.message}"}
        details = [
            {"@type": "type.googleapis.com/google.rpc.Status", "code": self.code, "message": self.message}
        ]
        return {"error": self.message, "code": self.code, "message": self.message, "details": details}


def body(raw, fields):
    """The JSON of a request, if the message that it becomes has its fields."""
    try:
        given = json.loads(raw)
    except ValueError as error:
        raise Wrong(400, 3, f"proto: syntax error: {error}") from error
    for name in given:
        if name not in fields:
            raise Wrong(400, 3, f'proto: (line 1:2): unknown field "{name}"')
    return given


def display_name(given, what):
    if not given.get("display_name"):
        raise Wrong(400, 3, f"The {what} name is empty. Please specify a valid name")
    return given["display_name"]


def query(request, names):
    unknown = set(request.query_params) - set(names)
    if unknown:
        raise Wrong(400, 3, f"unknown query parameters {sorted(unknown)}")
    return dict(request.query_params)


def listed(kind, items, request, fields, more=()):
    """The items that a filter leaves, in the order that is asked for."""
    given = query(request, (*LISTS, *more))
    wanted = _wanted(given.get("filter", ""), fields)
    found = [item for item in items if all(item.get(key) == value for key, value in wanted.items())]
    if given.get("sort_by"):
        key, _, way = given["sort_by"].partition(" ")
        if key not in fields or way not in ("", "asc", "desc"):
            raise Wrong(400, 3, f"Invalid sorting field: {given['sort_by']}")
        found.sort(key=lambda item: item[key], reverse=way == "desc")
    return {kind: found[: int(given.get("page_size", 20))], "total_size": len(found)} if found else {}


def _wanted(text, fields):
    """The values that a filter asks for; only equality, since nothing else is used."""
    if not text:
        return {}
    try:
        predicates = json.loads(text)["predicates"]
    except (ValueError, KeyError) as error:
        raise Wrong(400, 3, f"Failed to parse valid filter from {text!r}") from error
    for predicate in predicates:
        if set(predicate) != {"operation", "key", "string_value"} or predicate["operation"] != "EQUALS":
            raise Wrong(400, 3, f"Invalid predicate {predicate}")
        if predicate["key"] not in fields:
            raise Wrong(400, 3, f"no support for filtering on unrecognized field {predicate['key']!r}")
    return {predicate["key"]: predicate["string_value"] for predicate in predicates}


def uploaded(kind, raw):
    """Name and text of the multipart field `uploadfile`; None if it is not there."""
    message = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + raw)
    for part in message.get_payload() if message.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            return part.get_filename(), part.get_payload(decode=True).decode()
    return None, ""


def pipeline_spec(text):
    """An uploaded document: one pipeline in YAML that the compiler could have written."""
    try:
        return inline_spec(next(yaml.safe_load_all(text)))
    except (Wrong, yaml.YAMLError) as error:
        raise Wrong(400, None, f"Failed to create a pipeline version: {error}") from error


def inline_spec(spec):
    """A pipeline in JSON; one that cannot be read is the server's own error."""
    try:
        read = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    except json_format.ParseError as error:
        raise _internal(f"unknown template format: {error}") from error
    if not read.pipeline_info.name or not read.root.dag.tasks:
        raise _internal("unknown template format: pipeline spec is invalid")
    for name, executor in read.deployment_spec.fields["executors"].struct_value.fields.items():
        if not executor.struct_value.fields["container"].struct_value.fields["image"].string_value:
            raise _internal(f"executor {name} has no image")
    return spec


def _internal(why):
    return Wrong(500, 13, f"Failed to create a run: InternalServerError: {why}")


def parameters(spec, given):
    """The values of a run against what its pipeline declares."""
    declared = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec()).root.input_definitions.parameters
    for name, value in given.items():
        if name not in declared:
            raise Wrong(400, 3, f"parameter {name} is not an input of the pipeline")
        if not TYPES[declared[name].parameter_type](value):
            raise Wrong(400, 3, f"parameter {name} has the wrong type: {value!r}")
    missing = {name for name, what in declared.items() if not what.is_optional} - set(given)
    if missing:
        raise Wrong(400, 3, f"parameters {sorted(missing)} are required")

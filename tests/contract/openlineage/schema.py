"""OpenLineage 2-0-2 and the facets that Millrace sends, as a JSON schema of our own, written from what they say.

Stricter than the specification in one point: in a facet that is known nothing may stand that its version does not have.
"""

from jsonschema import Draft202012Validator, FormatChecker

SPEC = "https://openlineage.io/spec"
TEXT, MOMENT = {"type": "string", "minLength": 1}, {"type": "string", "format": "date-time", "pattern": "T"}
WEB = {"type": "string", "pattern": r"^https://\S+$"}
UUID = {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}


def record(required, **more):
    properties = required | more
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def facet(version, name, required, **more):
    url = {"const": f"{SPEC}/facets/{version}/{name}.json#/$defs/{name}"}
    return record({"_producer": WEB, "_schemaURL": url} | required, **more)


RUN_FACETS = record(
    {},
    parent=facet(
        "1-2-0",
        "ParentRunFacet",
        {
            "run": record({"runId": UUID}, facets={"maxProperties": 0}),
            "job": record({"namespace": TEXT, "name": TEXT}, facets={"maxProperties": 0}),
        },
    ),
    nominalTime=facet("1-0-1", "NominalTimeRunFacet", {"nominalStartTime": MOMENT}, nominalEndTime=MOMENT),
    errorMessage=facet(
        "1-0-1", "ErrorMessageRunFacet", {"message": TEXT, "programmingLanguage": TEXT}, stackTrace=TEXT
    ),
)
JOB_FACETS = record(
    {},
    jobType=facet(
        "2-0-4",
        "JobTypeJobFacet",
        {"processingType": {"enum": ["BATCH", "STREAMING"]}, "integration": TEXT},
        jobType=TEXT,
    ),
)
FACETS = record({}, version=facet("1-0-1", "DatasetVersionDatasetFacet", {"datasetVersion": TEXT}))
WRITTEN = record(
    {},
    outputStatistics=facet(
        "1-0-2",
        "OutputStatisticsOutputDatasetFacet",
        {},
        rowCount={"type": "integer"},
        size={"type": "integer"},
    ),
)
DATASET = {"namespace": TEXT, "name": TEXT}
EVENT = record(
    {
        "eventTime": MOMENT,
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "producer": WEB,
        "schemaURL": {"const": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": record({"runId": UUID}, facets=RUN_FACETS),
        "job": record({"namespace": TEXT, "name": TEXT}, facets=JOB_FACETS),
    },
    inputs={
        "type": "array",
        "items": record(DATASET, facets=FACETS, inputFacets={"type": "object", "maxProperties": 0}),
    },
    outputs={"type": "array", "items": record(DATASET, facets=FACETS, outputFacets=WRITTEN)},
)
VALID = Draft202012Validator(EVENT, format_checker=FormatChecker())


def mistakes(event):
    """What is wrong with an event, in words; nothing if it is right."""
    return [f"{error.json_path}: {error.message}"[:300] for error in VALID.iter_errors(event)]

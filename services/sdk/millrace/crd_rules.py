"""What validators of a loop's document say, in CEL, for API servers; tests/contract shows one corpus to both."""

from millrace import crd_fairness, crd_notices
from millrace.crd_durations import DAYS, WRITTEN, Json, one_of, rule
from millrace.crd_gates import gates_fit
from millrace_contracts import gates, parts, reviews, serving, workers
from millrace_contracts.batches import NO_RHYTHM, BatchSpec
from millrace_contracts.calendars import NO_SCHEDULE, ONE_SCHEDULE, WORDS, Calendar
from millrace_contracts.custom_code import ONE_PLACE, SETTING, CodeSpec
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.gates import AbsoluteGate, ApprovalGate
from millrace_contracts.loop import NO_WEIGHT, Data, Spec, Triggers
from millrace_contracts.rollout_spec import RolloutSpec
from millrace_contracts.searching import (
    LATENCY_IS_NOT_SOUGHT,
    LOSS_IS_SOUGHT,
    NO_SEARCH,
    NO_SIZE,
    UNSIZED,
)
from millrace_contracts.shapes import MOST_AXES, MOST_VALUES
from millrace_contracts.sinks import Sink, TableSink
from millrace_contracts.sources import (
    HAS_PASSWORD,
    IS_SECRET,
    OPTION,
    BucketSource,
    HttpSource,
    RowSource,
    Secret,
    Source,
    SqlSource,
    StoreAccess,
)
from millrace_contracts.training import CODE_DISTILLED, LATENCY_DISTILLED, SearchSpec, TrainingSpec

NO_TENSOR = "cannot be a tensor"


FORMATS: dict[str, list[Json]] = {
    parts.DURATION: [
        rule(f"self.matches('{WRITTEN}')", "a duration is written like 30m, 12h or 14d"),
    ],
    parts.DAYS: [rule(DAYS, "is not a whole number of days; write it like 28d")],
    parts.WINDOW: [
        rule(
            f"self == 'all' || self == 'season' || {DAYS}",
            "is neither all nor season nor a whole number of days like 60d",
        )
    ],
    parts.SCHEDULE: [
        rule(
            f"self.matches('{WORDS}') || {DAYS}",
            NO_SCHEDULE,
            f'"\'" + self + "\' {NO_SCHEDULE}"',
        )
    ],
    parts.RHYTHM: [
        rule(
            f"self.matches('{WORDS}') || self.matches('{WRITTEN}')",
            NO_RHYTHM,
            f'"\'" + self + "\' {NO_RHYTHM}"',
        )
    ],
    parts.ZONE: [
        rule(
            "self.matches('^[A-Za-z][A-Za-z0-9_+/-]*$') && timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
            "is not a time zone; write it like Europe/Berlin",
        )
    ],
}
"""What the validators behind a format check."""

_PRODUCT = " * ".join(f"(self.shape.size() > {axis} ? self.shape[{axis}] : 1)" for axis in range(MOST_AXES))
"""Numbers in a cell; more than 63 bits of them are an error, and so refused."""
_ON_RAY = "(has(self.executor) && self.executor == 'ray')"
_WORKERS_AND = "!has(self.training) || !has(self.training.workers) || !has(self.placement) || "
_OTHER_WEIGHT = "!has(self.weight) || !has(self.eventTime) || self.weight != self.eventTime"
_UNCERTAIN = "(has(self.uncertain) && self.uncertain)"
_ONE_SCHEDULE = rule("!has(self.schedule) || !has(self.calendar)", ONE_SCHEDULE)
_DATABASE = [
    rule(one_of("uri", "connection"), "a database is named by either uri or connection"),
    rule(
        f"!has(self.uri) || !self.uri.matches('{HAS_PASSWORD}')",
        "no password belongs in uri; name it with password, or use connection",
    ),
    rule("!has(self.password) || has(self.uri)", "password goes with uri; connection has its own"),
]
_STORE = [
    *(
        rule(
            f"!has(self.{field}) || self.{field}.all(name, name.matches('{OPTION}'))",
            "an option's name is small letters, digits and _, like access_key_id",
        )
        for field in ("options", "secrets")
    ),
    rule(
        f"!has(self.options) || self.options.all(name, !name.matches('{IS_SECRET}'))",
        "an option that is a secret is named below secrets",
    ),
]
_SOURCE = rule(one_of("path", "sql", "bucket", "http"), "a source is one of path, sql, bucket and http")

RULES: dict[str, list[Json]] = {
    AbsoluteGate.__name__: [
        rule(
            "has(self.atMost) != has(self.atLeast)",
            "the gate needs either atMost or atLeast",
            "'the gate on ' + self.metric + ' needs either atMost or atLeast'",
        )
    ],
    ApprovalGate.__name__: [
        rule("!has(self.by) || self.by.all(name, self.by.exists_one(it, it == name))", gates.NAMED_TWICE),
        rule(
            f"!has(self.by) || !has(self.of) || '{gates.APPROVER}' in self.by || self.of <= self.by.size()",
            gates.MORE_THAN_NAMED,
        ),
    ],
    reviews.ReviewSpec.__name__: [
        rule(f"has(self.below) || has(self.sample) || {_UNCERTAIN}", reviews.NOTHING_CHOSEN),
        rule("!has(self.withhold) || !self.withhold || has(self.below)", reviews.NOTHING_WITHHELD),
    ],
    Secret.__name__: [
        rule(one_of("env", "file", "secretRef"), "a secret is kept in one place: env, file or secretRef")
    ],
    **crd_fairness.RULES,
    **crd_notices.RULES,
    Data.__name__: [rule(_OTHER_WEIGHT, NO_WEIGHT)],
    SqlSource.__name__: [*_DATABASE, rule(one_of("query", "table"), "rows come from either query or table")],
    TableSink.__name__: _DATABASE,
    BucketSource.__name__: _STORE,
    StoreAccess.__name__: _STORE,
    HttpSource.__name__: [
        rule(f"!self.url.matches('{HAS_PASSWORD}')", "no password belongs in url; name it with bearer")
    ],
    RowSource.__name__: [_SOURCE],
    Sink.__name__: [
        rule(one_of("path", "bucket", "sql"), "a sink is one of path, bucket and sql"),
        rule("!has(self.format) || !has(self.sql)", "format is for files; a table has none"),
    ],
    BatchSpec.__name__: [_ONE_SCHEDULE],
    Source.__name__: [
        _SOURCE,
        rule(
            "!has(self.path) || !has(self.every)",
            "path is uploaded once; a folder looked at again is bucket with file:///folder",
        ),
    ],
    RolloutSpec.__name__: [
        rule(
            "!has(self.canary) || (self.canary.map(step, step.percent).isSorted() && "
            "self.canary.all(step, self.canary.exists_one(other, other.percent == step.percent)))",
            "the canary's percentages must grow from step to step",
        )
    ],
    Triggers.__name__: [_ONE_SCHEDULE],
    serving.Autoscaling.__name__: [rule("self.max >= self.min", serving.FEWER_THAN_LEAST)],
    SearchSpec.__name__: [
        rule(
            "!has(self.objectives) || (self.objectives.exists_one(it, it == 'loss') && "
            "(self.objectives.size() == 1 || 'latency' in self.objectives))",
            LOSS_IS_SOUGHT,
        ),
        rule(
            "!has(self.latency) || (has(self.objectives) && 'latency' in self.objectives)",
            LATENCY_IS_NOT_SOUGHT,
        ),
        rule(
            "!has(self.objectives) || !('latency' in self.objectives) || !has(self.families) || "
            f"!self.families.all(family, family in {sorted(UNSIZED)})",
            NO_SIZE,
        ),
    ],
    TrainingSpec.__name__: [
        rule(
            "!has(self.code) || !has(self.search) || !has(self.search.objectives) || "
            "!('latency' in self.search.objectives)",
            NO_SEARCH,
        ),
        rule("has(self.workers) || (!has(self.minWorkers) && !has(self.resources))", workers.FEWEST_ALONE),
        rule(f"!has(self.code) || has(self.workers) || !{_ON_RAY}", workers.NEED_NUMBER),
        rule(f"!has(self.workers) || (has(self.code) && {_ON_RAY})", workers.NEED_RAY),
        rule(
            "!has(self.workers) || !has(self.minWorkers) || self.minWorkers <= self.workers",
            workers.FEWEST_ABOVE,
        ),
        rule("!has(self.code) || !has(self.distil) || !self.distil", CODE_DISTILLED),
        rule(
            "!has(self.distil) || !self.distil || !has(self.search) || !has(self.search.objectives) || "
            "!('latency' in self.search.objectives)",
            LATENCY_DISTILLED,
        ),
    ],
    CodeSpec.__name__: [
        rule(one_of("path", "digest"), ONE_PLACE),
        rule(
            f"!has(self.params) || self.params.all(name, name.size() <= 100 && name.matches('{SETTING}'))",
            f"String should match pattern '{SETTING}'",
        ),
    ],
    Calendar.__name__: [
        rule(
            "self.every != 'week' || (has(self.weekday) && !has(self.day))",
            "every: week needs a weekday, like Monday, and no day",
        ),
        rule(
            "self.every != 'month' || (has(self.day) && !has(self.weekday))",
            "every: month needs a day, from 1 to 31, and no weekday",
        ),
    ],
    Spec.__name__: [
        rule(
            "has(self.data.eventTime) || !has(self.triggers) || (!has(self.triggers.calendar) && "
            f"(!has(self.triggers.schedule) || !self.triggers.schedule.matches('{WORDS}')))",
            "triggers.calendar needs data.eventTime",
        ),
        rule(
            "!has(self.data.eventTime) || self.data.eventTime != self.target",
            "the target cannot be the event time",
        ),
        rule(
            "!has(self.data.exclude) || !(self.target in self.data.exclude)", "the target cannot be excluded"
        ),
        rule("!has(self.data.weight) || self.data.weight != self.target", NO_WEIGHT),
        rule(
            "!has(self.data.protected) || !(self.target in self.data.protected)",
            "the target cannot be protected",
        ),
        rule(
            "has(self.data.eventTime) || !has(self.training) || !has(self.training.windows) || "
            "self.training.windows.all(window, window == 'all')",
            "windows in days need data.eventTime",
        ),
        rule(
            "!has(self.review) || !has(self.review.below) || self.task != 'regression'", reviews.NO_CONFIDENCE
        ),
        rule(f"{_WORKERS_AND}!has(self.placement.workers)", workers.TWICE_WORKERS),
        rule(f"{_WORKERS_AND}!has(self.placement.gpus) || self.placement.gpus == 0", workers.TWICE_GPUS),
        *gates_fit(),
        *crd_fairness.fits(),
        rule(
            "!has(self.gates) || !has(self.gates.policy) || self.gates.policy != 'balanced' || "
            "(has(self.data.eventTime) && (!has(self.switchBack) || ((!has(self.switchBack.enabled) || "
            "self.switchBack.enabled) && (!has(self.switchBack.candidates) || self.switchBack.candidates > 0))) && "
            "(!has(self.monitoring) || !has(self.monitoring.retention) || !has(self.monitoring.retention.archived) || "
            "self.monitoring.retention.archived > 0))",
            gates.NO_WAY_BACK,
        ),
        rule(
            "!has(self.data.contract) || self.data.contract.columns.exists(column, column.name == self.target)",
            "the contract has no column that is the target",
            '"the contract has no column \'" + self.target + "\', which is the target"',
        ),
    ],
    DataContract.__name__: [
        rule(
            f"!has(self.{role}) || self.columns.exists(column, column.name == self.{role}{kind})",
            f"{role} {problem}",
            f'"{role} \'" + self.{role} + "\' {problem}"',
        )
        for role in ("event_time", "target")
        for kind, problem in (("", "is not among the columns"), (" && column.type != 'tensor'", NO_TENSOR))
    ]
    + [
        rule(
            "!has(self.key) || self.key.all(name, self.columns.exists(column, column.name == name))",
            "a column of key is not among the columns",
        ),
        rule(
            "!has(self.key) || !self.columns.exists(column, column.type == 'tensor' && column.name in self.key)",
            f"a column of key {NO_TENSOR}",
        ),
    ],
    ColumnContract.__name__: [
        rule(
            "(!has(self.minimum) && !has(self.maximum)) || self.type in ['number', 'integer']",
            "minimum and maximum are for numbers",
            '"\'" + self.name + "\': minimum and maximum are for numbers, not for " + self.type',
        ),
        rule(
            "!has(self.minimum) || !has(self.maximum) || self.minimum <= self.maximum",
            "minimum is greater than maximum",
            '"\'" + self.name + "\': minimum is greater than maximum"',
        ),
        rule("has(self.shape) == (self.type == 'tensor')", "a tensor, and nothing else, has a shape"),
        rule(
            f"!has(self.shape) || ({_PRODUCT} > 1 && {_PRODUCT} <= {MOST_VALUES})",
            f"a cell of such a shape does not have 2 to {MOST_VALUES} numbers",
        ),
        rule(
            "!has(self.allowed) || self.type == 'string'",
            "allowed is for strings",
            '"\'" + self.name + "\': allowed is for strings, not for " + self.type',
        ),
    ],
}
"""What the validators of a model check, by the model's name."""

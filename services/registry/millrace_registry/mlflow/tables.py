"""What MLflow's clients keep here: experiments, runs and what they logged, files by label, models."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from millrace_core.database import UtcDateTime
from millrace_registry.tables import Table

Project = String(63)
RunId = String(36)
Millis = BigInteger
DEFAULT = text("is_default")


class MlflowExperiment(Table):
    """A folder of runs; *loop*: the one whose runs these are, and who alone writes them."""

    __tablename__ = "mlflow_experiments"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project: Mapped[str] = mapped_column(Project)
    name: Mapped[str] = mapped_column(String(500))
    is_default: Mapped[bool] = mapped_column(Boolean, default=False)
    loop: Mapped[str] = mapped_column(String(63), default="")
    stage: Mapped[str] = mapped_column(String(10), default="active")
    created: Mapped[int] = mapped_column(Millis)
    updated: Mapped[int] = mapped_column(Millis)
    __table_args__ = (
        UniqueConstraint("project", "name"),
        Index(
            "one_default_mlflow_experiment",
            "project",
            unique=True,
            sqlite_where=DEFAULT,
            postgresql_where=DEFAULT,
        ),
    )

    @property
    def shown(self) -> str:
        """The id as clients know it: that of a project's default experiment is 0."""
        return "0" if self.is_default else str(self.id)


class MlflowText(Table):
    """One tag or parameter: *kind* says of what, *owner* is its id there."""

    __tablename__ = "mlflow_texts"
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[str] = mapped_column(String(63), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class MlflowRun(Table):
    """A run; one of a loop has the id of the registry's own run, and *seen* is when that was last copied."""

    __tablename__ = "mlflow_runs"
    id: Mapped[str] = mapped_column(RunId, primary_key=True)
    project: Mapped[str] = mapped_column(Project)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("mlflow_experiments.id"))
    loop: Mapped[str] = mapped_column(String(63), default="")
    name: Mapped[str] = mapped_column(String(250), default="")
    user: Mapped[str] = mapped_column(String(256), default="")
    status: Mapped[str] = mapped_column(String(20))
    stage: Mapped[str] = mapped_column(String(10), default="active")
    started: Mapped[int] = mapped_column(Millis)
    ended: Mapped[int | None] = mapped_column(Millis)
    seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_mlflow_runs_experiment", "experiment_id", "started"),)


class MlflowMetric(Table):
    """One measured value; NaN is written as 0 with a mark, as SQLite has none."""

    __tablename__ = "mlflow_metrics"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("mlflow_runs.id"))
    key: Mapped[str] = mapped_column(String(250))
    value: Mapped[float] = mapped_column(Double)
    is_nan: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[int] = mapped_column(Millis)
    step: Mapped[int] = mapped_column(BigInteger)
    model_id: Mapped[str] = mapped_column(RunId, default="")
    dataset_name: Mapped[str] = mapped_column(String(500), default="")
    dataset_digest: Mapped[str] = mapped_column(String(36), default="")
    __table_args__ = (
        UniqueConstraint("run_id", "key", "step", "at", "value", "is_nan", "model_id"),
        Index("ix_mlflow_metrics_model", "model_id"),
    )


class MlflowLatest(Table):
    """The value of a metric that counts: the one of the last step, then the last instant, then the largest."""

    __tablename__ = "mlflow_latest"
    run_id: Mapped[str] = mapped_column(ForeignKey("mlflow_runs.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[float] = mapped_column(Double)
    is_nan: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[int] = mapped_column(Millis)
    step: Mapped[int] = mapped_column(BigInteger)
    model_id: Mapped[str] = mapped_column(RunId, default="")
    dataset_name: Mapped[str] = mapped_column(String(500), default="")
    dataset_digest: Mapped[str] = mapped_column(String(36), default="")


class MlflowDataset(Table):
    """Data that a run says it read: its name and digest as the client tells them."""

    __tablename__ = "mlflow_datasets"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("mlflow_experiments.id"))
    name: Mapped[str] = mapped_column(String(500))
    digest: Mapped[str] = mapped_column(String(36))
    source_type: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(Text)
    schema: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (UniqueConstraint("experiment_id", "name", "digest"),)


class MlflowInput(Table):
    """That a run read a dataset; *context* is what the client says it was for."""

    __tablename__ = "mlflow_inputs"
    run_id: Mapped[str] = mapped_column(ForeignKey("mlflow_runs.id"), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("mlflow_datasets.id"), primary_key=True)
    context: Mapped[str | None] = mapped_column(String(500))
    tags: Mapped[str] = mapped_column(Text, default="[]")


class MlflowRunModel(Table):
    """That a run read (`input`) or made (`output`) a logged model."""

    __tablename__ = "mlflow_run_models"
    run_id: Mapped[str] = mapped_column(ForeignKey("mlflow_runs.id"), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("mlflow_logged_models.id"), primary_key=True)
    side: Mapped[str] = mapped_column(String(6), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, default=0)


class MlflowFile(Table):
    """A file as clients call it: a label of a run (`run:<id>`) or a logged model; its bytes lie under their digest."""

    __tablename__ = "mlflow_files"
    owner: Mapped[str] = mapped_column(String(63), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    project: Mapped[str] = mapped_column(Project)
    digest: Mapped[str] = mapped_column(String(71))
    size: Mapped[int] = mapped_column(BigInteger)


class MlflowLoggedModel(Table):
    """A model that a run logged: files, params, tags and metrics under an id of its own."""

    __tablename__ = "mlflow_logged_models"
    id: Mapped[str] = mapped_column(RunId, primary_key=True)
    project: Mapped[str] = mapped_column(Project)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("mlflow_experiments.id"), index=True)
    run_id: Mapped[str] = mapped_column(RunId, default="")
    name: Mapped[str] = mapped_column(String(500))
    model_type: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(30))
    stage: Mapped[str] = mapped_column(String(10), default="active")
    created: Mapped[int] = mapped_column(Millis)
    updated: Mapped[int] = mapped_column(Millis)


class MlflowModel(Table):
    """A registered model of a user; those of loops stand in `models`."""

    __tablename__ = "mlflow_models"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    project: Mapped[str] = mapped_column(Project)
    name: Mapped[str] = mapped_column(String(256))
    description: Mapped[str | None] = mapped_column(Text)
    latest: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    updated: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project", "name"),)


class MlflowVersion(Table):
    """A version of a user's registered model: which files, of which run or logged model."""

    __tablename__ = "mlflow_versions"
    model_id: Mapped[int] = mapped_column(ForeignKey("mlflow_models.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    source: Mapped[str] = mapped_column(String(1000))
    run_id: Mapped[str] = mapped_column(RunId, default="")
    run_link: Mapped[str | None] = mapped_column(String(500))
    logged_id: Mapped[str] = mapped_column(RunId, default="")
    description: Mapped[str | None] = mapped_column(Text)
    user: Mapped[str] = mapped_column(String(256), default="")
    stage: Mapped[str] = mapped_column(String(20), default="None")
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    updated: Mapped[datetime] = mapped_column(UtcDateTime)


class MlflowAlias(Table):
    """Where an alias of a user's registered model points."""

    __tablename__ = "mlflow_aliases"
    model_id: Mapped[int] = mapped_column(ForeignKey("mlflow_models.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)

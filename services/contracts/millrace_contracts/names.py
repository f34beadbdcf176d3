"""Names of things: one pattern each, safe in a URL, a file name and a Kubernetes object."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
Name = Annotated[str, StringConstraints(pattern=PATTERN)]
ProjectName = Name
LoopName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
ColumnName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
TensorName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
RevisionName = Annotated[str, StringConstraints(max_length=80)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PlainText = r"^[^\x00]*$"
"""A text that every database can hold."""
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
LoopRunNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
TaskName = Literal["regression", "binary", "multiclass"]
Family = Literal["lightgbm", "xgboost", "histogram", "extra-trees", "linear", "mlp"]
BlockUnit = Literal["day", "week", "month"]
Mode = Literal["live", "backtest"]
WrittenFormat = Literal["csv", "parquet", "jsonl"]
DataFormat = Literal["csv", "parquet", "jsonl", "arrow", "xlsx"]
ClassValue = (
    bool
    | Annotated[int, Field(ge=-(2**63), lt=2**63)]
    | Annotated[float, Field(gt=-(2**63), lt=2**63, allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=10_000)]
)
"""A class as the data has it."""

"""What names a part of a job's workspace in a request."""

from typing import Annotated, Literal

from fastapi import Path, Query

from millrace_training.runtime.pieces import NAME

Attempt = Annotated[
    int, Query(ge=1, lt=2**31, description="The sender's attempt; any but the current is 409.")
]
Offset = Annotated[int, Query(ge=0, lt=2**53, description="The byte of the file at which the body begins.")]
PieceName = Annotated[str, Path(pattern=NAME, description="A file of a finished piece of work.")]
DocumentName = Literal["progress", "usage", "result", "error", "setback"]
StreamName = Literal["events", "log"]

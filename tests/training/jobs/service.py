"""The real training service with the tests' job as its `train` kind: `python service.py <home> <port>`."""

import sys
from pathlib import Path

import uvicorn
import work

from millrace_training import kinds
from millrace_training.main import build
from millrace_training.settings import TrainingSettings

kinds.KINDS["train"] = kinds.Kind(work.run, heavy=True)
app = build(TrainingSettings(home=Path(sys.argv[1]), job_look_seconds=0.1, cancel_seconds=0.5))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")

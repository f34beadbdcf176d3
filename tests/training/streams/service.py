"""The real training service as a process: `python service.py <settings as JSON> <port>`."""

import json
import sys

import uvicorn

from millrace_training.main import build
from millrace_training.settings import TrainingSettings

settings = TrainingSettings(token="token-of-training", job_look_seconds=0.1, **json.loads(sys.argv[1]))
uvicorn.run(build(settings), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")

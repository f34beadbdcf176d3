"""The same by hand, with what was asked and answered written down: a JSON line for each request."""

import json
import logging
import sys
import time
import uuid

import uvicorn
from tests.bench import naive

log = logging.getLogger("predictions")
log.setLevel(logging.INFO)
log.addHandler(logging.FileHandler(sys.argv[3]))


@naive.app.post("/logged")
def logged(request: naive.Rows):
    answer = naive.predict(request)
    log.info(
        json.dumps({"id": uuid.uuid4().hex, "at": time.time(), "asked": request.rows, "answered": answer})
    )
    return answer


if __name__ == "__main__":
    uvicorn.run(
        naive.app, port=int(sys.argv[2]), log_config=None, access_log=False, loop="uvloop", http="httptools"
    )

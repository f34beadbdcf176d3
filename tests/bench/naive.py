"""What anyone would write by hand: FastAPI and onnxruntime in fifteen lines; no log, no versions, no split."""

import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Rows(BaseModel):
    rows: list[dict[str, float | None]]


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
names = [item.name for item in session.get_inputs()]
app = FastAPI()


@app.post("/predict")
def predict(request: Rows):
    feeds = {name: np.array([[row[name]] for row in request.rows], np.float32) for name in names}
    return {"predictions": session.run(["probability"], feeds)[0].ravel().tolist()}


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[2]), log_config=None, access_log=False, loop="uvloop", http="httptools"
    )

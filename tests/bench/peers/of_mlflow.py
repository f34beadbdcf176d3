"""MLflow's server: the graph as a model of its onnx flavour, laid down in the folder that is named."""

import os
import sys

import mlflow
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from tests.bench.peers.graph import ENVIRONMENT

graph = onnx.load(os.environ[ENVIRONMENT])
schema = Schema([TensorSpec(np.dtype("float32"), (-1, 1), item.name) for item in graph.graph.input])
mlflow.onnx.save_model(
    graph, sys.argv[1], pip_requirements=["onnxruntime"], signature=ModelSignature(inputs=schema)
)

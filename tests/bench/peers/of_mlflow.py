"""MLflow's server: the graph as a model of its onnx flavour, laid down in the folder that is named."""

import os
import sys

import mlflow
import onnx
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from tests.bench.peers.graph import ENVIRONMENT

graph = onnx.load(os.environ[ENVIRONMENT])
schema = Schema([ColSpec("float", item.name) for item in graph.graph.input])
mlflow.onnx.save_model(
    graph, sys.argv[1], pip_requirements=["onnxruntime"], signature=ModelSignature(inputs=schema)
)

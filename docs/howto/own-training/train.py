"""A small network for a table, trained with NumPy alone. Five lines know of Millrace; they are marked."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main(job):
    x, y = job.matrix(), job.target()  # 1: the rows of the training window
    draw = np.random.default_rng(job.seed)
    epochs, rate, hidden = int(job.params.get("epochs", 30)), 0.05, 16
    mean, spread = y.mean(), y.std() or 1.0
    wanted = ((y - mean) / spread)[:, None]
    state = {
        "w1": draw.normal(0, x.shape[1] ** -0.5, (x.shape[1], hidden)),
        "b1": np.zeros(hidden),
        "w2": draw.normal(0, hidden**-0.5, (hidden, 1)),
        "b2": np.zeros(1),
    }
    first = 0
    if job.resume():  # 2: go on where it was killed
        kept = np.load(job.resume())
        state, first = {name: kept[name] for name in state}, int(kept["epoch"]) + 1
    for epoch in range(first, epochs):
        order = np.random.default_rng([job.seed, epoch]).permutation(len(x))
        for rows in np.array_split(order, max(1, len(x) // 128)):
            inner = np.maximum(x[rows] @ state["w1"] + state["b1"], 0)
            error = inner @ state["w2"] + state["b2"] - wanted[rows]
            back = (error @ state["w2"].T) * (inner > 0)
            state["w2"] -= rate * inner.T @ error / len(rows)
            state["b2"] -= rate * error.mean(axis=0)
            state["w1"] -= rate * x[rows].T @ back / len(rows)
            state["b1"] -= rate * back.mean(axis=0)
        loss = float(np.mean((answer(state, x) - wanted) ** 2))
        job.report(epoch, loss=loss)  # 3: how far it is
        np.savez("state.npz", epoch=epoch, **state)
        job.checkpoint("state.npz", epoch)  # 4: what to go on from
    onnx.save(graph(state, mean, spread), "model.onnx")
    job.export("model.onnx", answer(state, x[:500]) * spread + mean)  # 5: the model, and what it answers


def answer(state, x):
    return np.maximum(x @ state["w1"] + state["b1"], 0) @ state["w2"] + state["b2"]


def graph(state, mean, spread):
    """The same network as ONNX: matrix in, number out."""
    weights = {
        "w1": state["w1"],
        "b1": state["b1"],
        "w2": state["w2"] * spread,
        "b2": state["b2"] * spread + mean,
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["inner"]),
        helper.make_node("Relu", ["inner"], ["relu"]),
        helper.make_node("Gemm", ["relu", "w2", "b2"], ["prediction"]),
    ]
    made = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(state["w1"])])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

"""Training code of a user's own that ends in a small net with convolutions: it takes the column `image` as it is."""

CODE = '''
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

FILTERS, SIDE = {filters}, {side}

def constant(name, values):
    kind = np.float32 if values.dtype.kind == "f" else np.int64
    return numpy_helper.from_array(np.ascontiguousarray(values, kind), name)

def graph(kernels, layers):
    """Conv, Relu, MaxPool, Conv, Relu, then sums: the answers are logits."""
    nodes = [
        helper.make_node("Unsqueeze", ["image", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "k0", "c0"], ["h0"], pads=[1, 1, 1, 1], name="first"),
        helper.make_node("Relu", ["h0"], ["r0"]),
        helper.make_node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p0", "k1", "c1"], ["h1"], pads=[1, 1, 1, 1], name="second"),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Flatten", ["r1"], ["g"]),
    ]
    constants = [constant("axis", np.array([1]))]
    for place, kernel in enumerate(kernels):
        constants += [constant(f"k{{place}}", kernel), constant(f"c{{place}}", np.zeros(len(kernel), np.float32))]
    before = "g"
    for place, (weights, bias) in enumerate(layers):
        constants += [constant(f"w{{place}}", weights), constant(f"b{{place}}", bias)]
        nodes.append(helper.make_node("Gemm", [before, f"w{{place}}", f"b{{place}}"], [f"s{{place}}"]))
        before = f"s{{place}}"
        if place < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [before], [f"a{{place}}"]))
            before = f"a{{place}}"
    nodes.append(helper.make_node("Identity", [before], ["probabilities"]))
    width = layers[-1][0].shape[1] if layers else None
    made = helper.make_graph(
        nodes, "cnn", [helper.make_tensor_value_info("image", TensorProto.FLOAT, {shape})],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", width])], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

def run(model, images):
    import onnxruntime
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {{"image": images}})[0]

def main(job):
    images, labels = np.ascontiguousarray(job.rows()["image"], np.float32), job.target()
    assert images.shape[1:] == (SIDE, SIDE), images.shape
    draw = np.random.default_rng(job.seed)
    kernels = [draw.normal(size=(FILTERS, 1, 3, 3)) / 12,
               draw.normal(size=(2 * FILTERS, FILTERS, 3, 3)) / np.sqrt(9 * FILTERS)]
    features = run(graph(kernels, []), images)
    net = MLPClassifier((64,), max_iter=60, random_state=job.seed).fit(features, labels)
    model = graph(kernels, list(zip(net.coefs_, net.intercepts_)))
    onnx.save(model, "model.onnx")
    job.export("model.onnx", run(model, images[:20]), logits=True)
'''


def code(filters: int = 8, side: int = 8, shape: str | None = None) -> str:
    """The file train.py; *shape* is what the graph's input says, as Python."""
    return CODE.format(filters=filters, side=side, shape=shape or f'["N", {side}, {side}]')

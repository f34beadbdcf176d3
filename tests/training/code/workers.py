"""Training code for several workers that needs neither torch nor a network: gradients added up over plain sockets."""

TWO = {"least": 2, "most": 2}
ADDED = '''
import json, os, socket, struct, sys, time
import numpy as np

LINKS = []

def linked(job):
    """The first worker's connections to all others, or another's to the first."""
    place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    if job.rank == 0:
        with socket.create_server(place) as door:
            LINKS.extend(door.accept()[0] for _ in range(job.world_size - 1))
    while not LINKS and job.rank:
        try:
            LINKS.append(socket.create_connection(place, 60))
        except ConnectionRefusedError:
            time.sleep(0.05)
    return LINKS

def added(job, values):
    """The sum of all workers' arrays, by plain sockets where torch.distributed would listen."""
    links, total = LINKS or linked(job), values.copy()
    if job.rank:
        links[0].sendall(values.tobytes())
        return np.frombuffer(whole(links[0], values.nbytes), values.dtype).copy()
    for other in links:
        total += np.frombuffer(whole(other, values.nbytes), values.dtype)
    for other in links:
        other.sendall(total.tobytes())
    return total

def whole(other, size):
    told = b""
    while len(told) < size:
        news = other.recv(size - len(told))
        if not news:
            raise ConnectionResetError("Connection closed by peer")
        told += news
    return told
'''
LEARNS = """
import numpy as np
x, y = np.column_stack([job.matrix(), np.ones(len(job.target()), np.float32)]), job.target()
rows = added(job, np.array([len(y)], np.float64))[0]
weights, first = np.zeros(x.shape[1]), 0
if job.resume():
    kept = np.load(job.resume())
    weights, first = kept[:-1], int(kept[-1]) + 1
for step in range(first, 40):
    gradient = added(job, (x.T @ (x @ weights - y)).astype(np.float64)) / rows
    weights = weights - 0.1 * gradient
    if step % 10 == 0:
        np.save('state.npy', np.append(weights, step))
        job.checkpoint('state.npy', step)
        job.report(step, norm=float(np.abs(weights).sum()), world=job.world_size)
    KILL
if job.rank == 0:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["prediction"])], "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", x.shape[1] - 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(weights[:-1, None].astype(np.float32), "w"),
         numpy_helper.from_array(weights[-1:].astype(np.float32), "b")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
    job.export("model.onnx", (x @ weights)[:50])
"""

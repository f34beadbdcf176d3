"""A model file is data: whatever could read a file, run code or exhaust a service is refused before it is used."""

import asyncio

import pytest
from onnx import AttributeProto, ModelProto, TensorProto, helper
from pydantic import ValidationError

from millrace_contracts.models import ModelVersionWrite
from millrace_core.errors import BadInput
from millrace_core.storage import Store
from millrace_registry.models import release

from .conftest import graph, tensor, version


def outside(location="/etc/passwd"):
    """A tensor whose bytes lie in another file."""
    made = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    made.ClearField("float_data")
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value=location)
    return made


def mislabelled():
    """External data, although the tensor says that its data lies in the file."""
    made = outside("../../secret")
    made.data_location = TensorProto.DEFAULT
    return made


def inside_if(nodes=(), constants=()):
    """A node with a subgraph."""
    body = helper.make_graph(
        [*nodes, helper.make_node("Identity", ["w"], ["o"])], "b", [], [tensor("o")], list(constants)
    )
    return helper.make_node("If", ["c"], ["unused"], then_branch=body, else_branch=body)


def constant(value):
    return helper.make_node("Constant", [], ["k"], value=value)


def sparse():
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    made = helper.make_sparse_tensor(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]), indices, [3])
    made.values.CopyFrom(outside())
    return helper.make_node("Constant", [], ["k"], sparse_value=made)


def function(domain="", default=None):
    node = helper.make_node("Identity", ["a"], ["b"])
    made = helper.make_function(
        domain, "Trick", ["a"], ["b"], [node], [helper.make_opsetid("", 17)], attribute_protos=default or []
    )
    return graph(functions=[made])


def training_graph():
    extra = helper.make_graph([helper.make_node("Identity", ["w"], ["o"])], "t", [], [], [outside()])
    made = ModelProto.FromString(graph())
    made.training_info.append(helper.make_training_info(extra, [], None, None))
    return made.SerializeToString()


def hidden_default():
    attribute = AttributeProto(name="v", type=AttributeProto.TENSOR)
    attribute.t.CopyFrom(outside())
    return function(default=[attribute])


EVIL = helper.make_node("Run", ["x"], ["z"], domain="com.evil")
HOSTILE = {
    "external data": (graph(constants=[outside()]), "external data"),
    "external data by a link out of the folder": (graph(constants=[outside("../../x")]), "external data"),
    "external data that says it is none": (graph(constants=[mislabelled()]), "external data"),
    "external data in a subgraph": (graph(inside_if(constants=[outside()])), "external data"),
    "external data in a subgraph's subgraph": (
        graph(inside_if(nodes=[inside_if(constants=[outside()])])),
        "external data",
    ),
    "external data in a constant": (graph(constant(outside())), "external data"),
    "external data in a sparse constant": (graph(sparse()), "external data"),
    "external data in a function's default": (hidden_default(), "external data"),
    "external data in a training graph": (training_graph(), "external data"),
    "a custom operator": (graph(EVIL, opsets=["com.evil"]), "com.evil"),
    "a custom operator that is not declared": (graph(EVIL), "com.evil"),
    "a custom operator in a subgraph": (graph(inside_if(nodes=[EVIL])), "com.evil"),
    "a function of another domain": (function("com.evil"), "com.evil"),
    "a domain that imitates ours": (graph(opsets=["ai.onnx.ml.evil"]), "ai.onnx.ml.evil"),
    "garbage": (b"\x80\x04\x95garbage", "not an ONNX"),
    "nothing": (b"", "not an ONNX"),
    "a pickle": (b"cos\nsystem\n(S'id'\ntR.", "not an ONNX"),
    "half a model": (graph()[:40], "not an ONNX"),
    "groups without end": (b"\x0b" * 100_000, "not an ONNX"),
    "another input": (graph(inputs=("x", "z")), "signature"),
    "another type of input": (
        graph(element=TensorProto.DOUBLE),
        "signature",
    ),
}


@pytest.fixture
def check(tmp_path):
    """Check a release whose only graph is the given bytes."""
    store, turn = Store(f"file://{tmp_path}/blobs"), asyncio.Semaphore(1)

    async def check(data, **more):
        blob = await store.put(data)
        await release.check(store, turn, ModelVersionWrite(**version({"model.onnx": blob.digest}, **more)))

    return check


async def test_a_plain_model_passes(check):
    await check(graph())
    await check(graph(constant(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))))


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_model_is_refused_with_the_reason(check, name):
    data, word = HOSTILE[name]
    with pytest.raises(BadInput) as refused:
        await check(data)
    assert word in refused.value.detail
    assert refused.value.errors[0].where == "files.model.onnx"


async def test_a_model_that_needs_too_much_memory_is_refused(check, monkeypatch):
    """Two bytes of file become a node of a hundred bytes in memory."""
    monkeypatch.setattr(release, "MEMORY", 400 * 2**20)
    nodes = b"\x0a\x00" * 5_000_000
    with pytest.raises(BadInput, match="too much memory"):
        await check(b"\x3a" + _varint(len(nodes)) + nodes)


async def test_a_model_that_takes_too_long_is_refused(check, monkeypatch):
    monkeypatch.setattr(release, "SECONDS", 0)
    with pytest.raises(BadInput, match="limits"):
        await check(graph())


async def test_the_child_gets_no_secret(check, monkeypatch):
    monkeypatch.setenv("MILLRACE_TOKEN", "secret")
    seen = {}
    real = asyncio.create_subprocess_exec

    async def spy(*command, **options):
        seen.update(options)
        return await real(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    await check(graph())
    assert seen["env"] == {}


async def test_a_signature_that_names_a_tensor_twice_is_refused(check):
    twice = version({})["signature"]
    twice["inputs"] *= 2
    with pytest.raises(ValidationError, match="two tensors have the same name"):
        await check(graph(), signature=twice)


def _varint(number):
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)

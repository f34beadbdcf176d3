"""A net with convolutions in INT8 answers images through the gateway and a real Triton as it does in onnxruntime."""

import pytest

from . import cnn
from .test_served_forms import Release, digest, variant


class Images(Release):
    """A version of the net of images with its INT8 form."""

    net = cnn

    def __init__(self, serving, number):
        graph = cnn.int8()
        serving.neighbours.artifacts[digest(graph)] = graph
        form = variant(graph=graph, golden=cnn.golden(graph)["outputs"])
        super().__init__(serving, number, form, base=cnn.fp32())


@pytest.mark.slow
def test_images_are_answered_in_int8_and_the_form_that_serves_is_told(serving):
    name = serving.endpoint()
    rollout = Images(serving, 921).roll_out(name)
    assert rollout["state"] == "promoted", rollout
    (revision,) = serving.client.get(f"/v1/endpoints/{name}").json()["revisions"]
    assert (revision["form"]["target"], revision["digest"]) == ("ort-cpu-int8", digest(cnn.int8()))
    given = cnn.images(5, seed=8)
    answer = serving.predict(name, [{"image": image.tolist()} for image in given])
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == pytest.approx(cnn.answers(cnn.int8(), given), rel=1e-5)
    apart = cnn.answers(cnn.fp32(), given)
    assert answer.json()["predictions"] != pytest.approx(apart, rel=1e-5), "INT8 and FP32 differ a little"
    assert answer.json()["predictions"] == pytest.approx(apart, rel=0.1, abs=0.5)

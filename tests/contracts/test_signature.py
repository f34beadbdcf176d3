"""One signature for all services: its bounds, and what an older one looks like."""

import pytest
from pydantic import ValidationError

from millrace_contracts.signature import MOST_CLASSES, MOST_INPUTS, Signature


def tensor(name, datatype="FP32", **more):
    return {"name": name, "datatype": datatype, **more}


def signature(inputs=1, outputs=None, **more):
    columns = [tensor(f"c{place}", column=f"c{place}", kind="number") for place in range(inputs)]
    return {"inputs": columns, "outputs": outputs or [tensor("prediction")], **more}


def test_a_vector_says_its_width_and_a_number_is_one_value():
    read = Signature.model_validate(
        signature(
            outputs=[tensor("probabilities", width=3), tensor("class", "BYTES")], classes=["a", "b", "c"]
        )
    )
    assert [(output.name, output.values()) for output in read.outputs] == [("probabilities", 3), ("class", 1)]


def test_a_signature_of_regression_is_written_as_it_always_was():
    before = signature(task="regression", target="y")
    assert Signature.model_validate(before).model_dump(mode="json", exclude_none=True) == before


def test_classes_keep_their_types():
    for classes in ([1, 2], [False, True], ["01", "02"], [0.5, 1.5]):
        read = Signature.model_validate(signature(classes=classes))
        assert read.classes == classes
        assert [type(item) for item in read.classes] == [type(item) for item in classes]


@pytest.mark.parametrize(
    "document",
    [
        signature(inputs=MOST_INPUTS + 1),
        signature(outputs=[tensor(f"o{place}") for place in range(17)]),
        signature(classes=["only"]),
        signature(classes=[str(place) for place in range(MOST_CLASSES + 1)]),
        signature(outputs=[tensor("p", width=MOST_CLASSES + 1)]),
        signature(outputs=[tensor("p"), tensor("p")]),
        signature(inputs=0),
    ],
    ids=["inputs", "outputs", "one-class", "classes", "width", "twice", "no-input"],
)
def test_what_is_out_of_bounds_is_refused(document):
    with pytest.raises(ValidationError):
        Signature.model_validate(document)


def test_the_bounds_themselves_are_taken():
    classes = [str(place) for place in range(MOST_CLASSES)]
    read = Signature.model_validate(signature(inputs=MOST_INPUTS, classes=classes))
    assert (len(read.inputs), len(read.classes or [])) == (MOST_INPUTS, MOST_CLASSES)

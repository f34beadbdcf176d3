"""A release unit is files by role and variant; a mapping of names is read as the same thing."""

import pytest
from pydantic import ValidationError

from millrace_contracts.release import Files, ReleaseFile

ONE, TWO, THREE = (f"sha256:{sign * 64}" for sign in "abc")


def test_files_are_found_by_role_and_variant():
    files = Files(
        files=[
            ReleaseFile(role="model", name="model.onnx", digest=ONE),
            ReleaseFile(role="model", variant="ort-cpu-int8", name="model.int8.onnx", digest=TWO),
        ]
    )
    assert (files.digest("model"), files.digest("model", "ort-cpu-int8")) == (ONE, TWO)
    assert files.find("holdout") is None


def test_a_role_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="no file of the role baseline and the variant base"):
        Files.of({"model.onnx": ONE}).digest("baseline")


def test_a_mapping_of_names_as_versions_were_stored_before_is_read():
    files = Files.model_validate({"model.onnx": ONE, "oof.parquet": TWO, "notes.txt": THREE})
    assert [(file.role, file.variant) for file in files.files] == [
        ("model", "base"), ("out-of-fold", "base"), ("other", "base"),
    ]  # fmt: skip
    assert files.by_name() == {"model.onnx": ONE, "oof.parquet": TWO, "notes.txt": THREE}


def test_what_was_written_is_read_back():
    files = Files.of({"model.onnx": ONE, "holdout.onnx": TWO})
    assert Files.model_validate_json(files.model_dump_json()) == files
    assert files.only(["model"]).by_name() == {"model.onnx": ONE}


@pytest.mark.parametrize(
    "second",
    [
        {"role": "model", "name": "other.onnx", "digest": TWO},
        {"role": "holdout", "name": "model.onnx", "digest": TWO},
    ],
)
def test_two_files_of_one_place_or_one_name_are_refused(second):
    with pytest.raises(ValidationError, match="the same name, or the same role and variant"):
        Files.model_validate([{"role": "model", "name": "model.onnx", "digest": ONE}, second])


def test_a_release_of_nothing_is_refused():
    with pytest.raises(ValidationError):
        Files.model_validate({})


def test_json_names_base_files_as_ever_and_lists_roles_and_variants_where_names_do_not_tell_them():
    base = Files.of({"model.onnx": ONE, "notes.txt": TWO})
    assert base.model_dump(mode="json") == {"model.onnx": ONE, "notes.txt": TWO}
    quick = ReleaseFile(role="model", variant="int8-cpu", name="model-int8.onnx", digest=TWO)
    both = Files(files=[*Files.of({"model.onnx": ONE}).files, quick])
    assert both.model_dump(mode="json") == [
        {"role": "model", "variant": "base", "name": "model.onnx", "digest": ONE},
        {"role": "model", "variant": "int8-cpu", "name": "model-int8.onnx", "digest": TWO},
    ]
    assert Files.model_validate(both.model_dump(mode="json")) == both
    assert both.digest("model", "int8-cpu") == TWO

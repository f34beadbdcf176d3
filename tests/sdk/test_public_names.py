"""What a user imports stands at the top, is told by `dir`, and says what it is for."""

import inspect
import subprocess
import sys

import pytest

import millrace
from millrace.transport.errors import ApiError as told_elsewhere


def test_dir_tells_the_public_names():
    assert dir(millrace) == sorted(
        ["ApiError", "AsyncMillrace", "JobFailed", "Millrace", "NotRunning", "__version__", "load", "push"]
    )


@pytest.mark.parametrize("name", [name for name in dir(millrace) if name != "__version__"])
def test_every_public_name_and_method_has_a_docstring(name):
    found = getattr(millrace, name)
    assert inspect.getdoc(found)
    for part, member in inspect.getmembers(found if inspect.isclass(found) else type(None)):
        if not part.startswith("_") and getattr(member, "__module__", "").startswith("millrace"):
            assert inspect.getdoc(member), part


def test_an_error_is_the_same_wherever_it_is_imported_from():
    assert millrace.ApiError is told_elsewhere


def test_a_name_that_is_not_there_is_missed_as_in_any_module():
    with pytest.raises(AttributeError, match="no attribute 'Mill'"):
        _ = millrace.Mill


def test_the_package_alone_loads_nothing_heavy():
    script = "import sys, millrace; print([n for n in ('httpx', 'pydantic', 'numpy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

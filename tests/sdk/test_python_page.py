"""docs/howto/python.md speaks of what is there: its imports work, and its calls fit the client's methods."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from millrace import Millrace
from millrace.transport.address import SERVICES

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
TREE = ast.parse("\n".join(BLOCKS))


def test_everything_that_the_page_imports_is_there():
    for node in ast.walk(TREE):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert hasattr(import_module(node.module), alias.name), alias.name


def test_every_call_of_the_page_fits_its_method():
    platform = Millrace(dict.fromkeys(SERVICES, "http://x"), "")
    calls = [
        node
        for node in ast.walk(TREE)
        if isinstance(node, ast.Call) and "platform." in ast.unparse(node.func)
    ]
    assert len(calls) >= 5
    for call in calls:
        _, service, method = ast.unparse(call.func).split(".")
        given = {word.arg: None for word in call.keywords}
        inspect.signature(getattr(getattr(platform, service), method)).bind(*call.args, **given)


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_names_every_service(service):
    assert service in PAGE.read_text()

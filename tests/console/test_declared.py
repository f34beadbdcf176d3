"""What declares a loop: its document, and where that is changed, in the cluster or by a file."""

import html
import re
import shlex

import pytest
import yaml
from tests.sdk import examples

PATH = "/p/default/loops/shop"
OWNER = {"kind": "ModelLoop", "namespace": "team-a", "name": "shop", "uid": "u", "generation": 7}
DOCUMENT = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shop"},
    "spec": {"task": "regression", "target": "Umsatz in €", "data": {"dataset": "<shop>"}},
}


def blocks(text):
    """What stands in the page's blocks of code, as a person reads it."""
    return [html.unescape(block) for block in re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)]


@pytest.fixture
def known(behind):
    behind.answers["GET /v1/loops/shop"] = examples.loop(document=DOCUMENT, generation=3, owner=OWNER)
    return behind.answers["GET /v1/loops/shop"]


async def test_a_resource_of_the_cluster_is_named_with_the_commands_that_change_it(signed, known):
    text = (await signed.get(f"{PATH}/declared")).text
    for fact in (
        "Kind</dt><dd>ModelLoop",
        "Namespace</dt><dd>team-a",
        "Name</dt><dd>shop",
        "taken</dt><dd>7",
    ):
        assert fact in text
    look, edit, pause, document = blocks(text)
    assert look == "kubectl get modelloop -n team-a shop -o yaml"
    assert edit == "kubectl edit modelloop -n team-a shop"
    assert shlex.split(pause)[-2:] == ["-p", '{"spec":{"suspend":true}}']
    assert yaml.safe_load(document) == DOCUMENT
    assert "Umsatz in €" in document, "as people write it"
    assert "millrace --project" not in text


async def test_a_loop_that_nobody_in_the_cluster_declares_is_applied_again(signed, known):
    known["owner"] = None
    text = (await signed.get(f"{PATH}/declared")).text
    command, document = blocks(text)
    assert command == "millrace --project default apply -f shop.yaml"
    assert yaml.safe_load(document) == DOCUMENT
    assert "kubectl" not in text


async def test_names_that_are_none_of_a_shell_are_quoted_and_shown_as_words(signed, known):
    known["owner"] = OWNER | {"namespace": "a;reboot", "name": "<script>x"}
    text = (await signed.get(f"{PATH}/declared")).text
    assert "<script>x" not in text
    assert blocks(text)[1] == "kubectl edit modelloop -n 'a;reboot' '<script>x'"


async def test_a_loop_that_is_not_there_has_no_document(signed, behind):
    assert (await signed.get(f"{PATH}/declared")).status_code == 404

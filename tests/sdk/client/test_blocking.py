"""The blocking client is what the asynchronous one makes it: written by one script, with the same methods."""

import inspect

import pytest
from services.sdk import blocking

from millrace import aio, client
from millrace.transport.address import SERVICES


def test_the_blocking_client_is_fresh():
    stale = [path.name for path, text in blocking.written().items() if path.read_text() != text]
    assert stale == [], "run 'make clients'"


@pytest.mark.parametrize("service", SERVICES)
def test_both_clients_have_the_same_methods_with_the_same_words(service):
    urls = dict.fromkeys(SERVICES, "http://x")
    one, other = (
        getattr(platform, service) for platform in (client.Millrace(urls, ""), aio.AsyncMillrace(urls, ""))
    )
    assert methods(one) == methods(other)


def methods(made):
    found = inspect.getmembers(type(made), inspect.isfunction)
    return {
        name: (inspect.getdoc(method), list(inspect.signature(method).parameters)) for name, method in found
    }

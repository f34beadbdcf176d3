"""Whom clients trust: the named bundle, read once, and again when it was changed."""

import os
import ssl
from pathlib import Path

import certifi
import pytest

from millrace.transport import trust


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    path.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_a_bundle_is_read_once_and_again_when_it_was_changed(bundle):
    first = trust.trusted()
    assert trust.trusted() is first
    os.utime(bundle, (1, 1))
    assert trust.trusted() is not first


def test_without_a_bundle_the_clients_own_authorities_count(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    context = trust.trusted()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.get_ca_certs()


def test_a_bundle_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(FileNotFoundError):
        trust.trusted()

"""The key that signs heads: made once, kept beside the installation's other secrets, read when something is signed."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from millrace_contracts.audit import SignedHead, fingerprint


class Signer:
    """Signs with the key in a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.fingerprint = fingerprint(self.public)

    def sign(self, statement: str) -> SignedHead:
        """The statement with its signature."""
        return SignedHead(
            statement=statement,
            signature=base64.b64encode(self._key.sign(statement.encode())).decode(),
            public_key=base64.b64encode(self.public).decode(),
        )


def signer(path: Path, make: bool) -> Signer:
    """The signer of the key at *path*; with *make*, a new one if there is none, readable by its owner alone.

    Raises: FileNotFoundError; ValueError for a file that is no Ed25519 key.
    """
    if make and not path.exists():
        _new(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} is no Ed25519 key")
    return Signer(key)


def _new(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    staged = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    try:
        os.link(staged, path)
    except FileExistsError:
        return
    finally:
        staged.unlink()

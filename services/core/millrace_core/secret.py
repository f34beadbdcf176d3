"""Makes a Secret with a random password once, in the cluster: no template, values file or person ever holds it.

`python -m millrace_core.secret NAME KEY --owner Kind/name` in the namespace MILLRACE_NAMESPACE. The Secret belongs
to its owner, the volume that the password opens, and goes when that goes: a reinstalled release finds both again.
"""

import argparse
import asyncio
import os
import secrets

from millrace_core.errors import Conflict, NotFound
from millrace_core.kubernetes import Cluster
from millrace_core.owners import Manifest

BYTES = 24


async def ensure(cluster: Cluster, name: str, key: str, namespace: str, owner: str) -> bool:
    """Make the Secret *name* with a password of 48 hexadecimal digits under *key*, unless it is there.

    Args:
        owner: `Kind/name` of the object in *namespace* that the Secret belongs to.
    Returns: whether it was made now.
    Raises: NotFound while the owner is not there; Unavailable.
    """
    if await cluster.get("Secret", name, namespace) is not None:
        return False
    kind, _, of = owner.partition("/")
    keeper = await cluster.get(kind, of, namespace)
    if keeper is None:
        raise NotFound(f"{owner}, to which the Secret {name} would belong, is not there yet.")
    try:
        await cluster.create(manifest(name, key, secrets.token_hex(BYTES), keeper, kind), namespace)
    except Conflict:
        return False
    return True


def manifest(name: str, key: str, password: str, owner: Manifest, kind: str) -> Manifest:
    """The Secret, with the labels of its *owner*."""
    meta = owner["metadata"]
    labels = meta.get("labels", {}) | {"app.kubernetes.io/managed-by": "millrace"}
    reference = {"apiVersion": "v1", "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels, "ownerReferences": [reference]},
        "type": "Opaque",
        "stringData": {key: password},
    }


def main() -> None:
    """Read the arguments, make the Secret, say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("key")
    parser.add_argument("--owner", required=True, help="Kind/name, like PersistentVolumeClaim/data")
    given = parser.parse_args()
    namespace = os.environ["MILLRACE_NAMESPACE"]
    try:
        created = asyncio.run(ensure(Cluster.here(), given.name, given.key, namespace, given.owner))
    except NotFound as error:
        raise SystemExit(error.detail) from error
    print(f"Secret {given.name} " + ("is made" if created else "was there already"))


if __name__ == "__main__":
    main()

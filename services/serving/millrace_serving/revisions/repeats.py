"""Tell a repeated request from another one under the same key."""

import hashlib

import orjson
from pydantic import BaseModel


def digest_of(body: BaseModel) -> str:
    """Digest of a request, to tell a repetition from another request under the same key.

    A field that came later counts only if it is given, so that a repetition may outlast an upgrade.
    """
    told = body.model_dump(mode="json")
    for late in ("placement", "variants", "expected_stable"):
        if told.get(late, ...) is None:
            del told[late]
    text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return "sha256:" + hashlib.sha256(text).hexdigest()

"""Pure: what is wrong with a message over gRPC, by the model's signature, in the letters of a grpc-message."""

import json
from urllib.parse import quote

from millrace_contracts.signature import Signature
from millrace_core import open_inference
from millrace_core.errors import FieldError
from millrace_serving.refusals import faults

SAFE = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Letters that a grpc-message holds as they are, beside those of words."""


def of_message(body: bytes, signature: Signature, limit: int, packs: bool = True) -> str:
    """The first mistake of a message with its remedy, percent-encoded; '' when it fits. See `faults.of_request`."""
    try:
        message, raw = open_inference.parsed(body, "inputs")
        head = json.dumps(open_inference.head(message, "inputs", tuple(map(len, raw)))).encode()
        size = len(head) if raw else 0
        errors = faults.of_request(head + b"".join(raw), size, signature, limit, packs)
        words = worded(errors[0]) if errors else ""
    except open_inference.NoMessage as error:
        words = f"The message is not what its protobuf says: {error}."
    except faults.TooManyRows as error:
        words = str(error)
    return quote(words, safe=SAFE)


def worded(error: FieldError) -> str:
    """One mistake as a sentence."""
    return f"{error.where} {error.what}; {error.mend}."

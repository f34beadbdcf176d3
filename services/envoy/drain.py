"""Before a pod with Envoy ends: its clients are told to go elsewhere, and what is under way is answered.

The preStop of the gateway runs `python drain.py inference`, that of the edge `drain.py edge,plain` (the names of the
listeners' counters), and Envoy is ended when it returns. Envoy is started with `--drain-strategy immediate`: from the
first moment on every answer says `Connection: close`, and every connection of HTTP/2 gets a GOAWAY. New connections are
still taken, because for a moment addresses still lead here; each is served and closed in the same way.
"""

import json
import sys
import time
import urllib.error
import urllib.request

ADMIN = "http://127.0.0.1:9901"
LEFT_SECONDS = 5.0
"""So long addresses may still lead to a pod that ends."""
PATIENCE_SECONDS = 15.0
"""So long a client that keeps its connection may be silent and yet hear that it ends."""
LONGEST_SECONDS = 45.0
"""So long a request may be under way; the pod's grace is longer."""
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(listeners: str, admin: str = ADMIN) -> None:
    """Drain, and return when nothing is lost any more by ending Envoy, or after LONGEST_SECONDS."""
    began = time.monotonic()
    _ask(f"{admin}/drain_listeners?graceful&skip_exit", "POST")
    while not _empty(listeners.split(","), admin, time.monotonic() - began):
        time.sleep(0.25)


def _empty(listeners: list[str], admin: str, waited: float) -> bool:
    """Whether Envoy may end: all have left, or those who are left say nothing."""
    if waited >= LONGEST_SECONDS:
        return True
    if waited < LEFT_SECONDS:
        return False
    text = _ask(f"{admin}/stats?format=json&filter=downstream_(cx|rq)_active$", "GET")
    counts = {item["name"]: item["value"] for item in json.loads(text)["stats"] if "name" in item}
    what = "cx" if waited < PATIENCE_SECONDS else "rq"
    return not any(counts.get(f"http.{name}.downstream_{what}_active", 0) for name in listeners)


def _ask(url: str, method: str) -> bytes:
    with OPENER.open(urllib.request.Request(url, method=method), timeout=5) as answer:  # noqa: S310 - loopback
        return bytes(answer.read())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, urllib.error.URLError) as error:
        time.sleep(PATIENCE_SECONDS)
        sys.exit(f"Envoy cannot be asked to drain, so it was only waited: {error}")

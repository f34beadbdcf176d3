"""Who may ask: the API server's front proxy, known by a client certificate; nobody else gets as far as a request.

The API server has checked by then who really asks, and whether RBAC lets them (`authentication-reader` in Kubernetes'
guide to the aggregation layer). Without an authority for front proxies nobody is let in.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from millrace_core.errors import Unavailable
from millrace_core.log import log

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

WHERE = ("extension-apiserver-authentication", "kube-system")
"""The ConfigMap in which an API server says whom extensions are to believe."""
CA, NAMES, CLIENTS = "requestheader-client-ca-file", "requestheader-allowed-names", "client-ca-file"


@dataclass(frozen=True)
class FrontProxy:
    """The authority of the front proxy's certificates, and the names that they may carry; none: any name."""

    authority: str
    names: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Changes when whom to believe changes."""
        return hashlib.sha256(json.dumps([self.authority, self.names]).encode()).hexdigest()

    def lets_in(self, certificate: Any) -> bool:
        """Whether a client that showed *certificate* (as Python's ssl tells it), signed by the authority, may ask."""
        if not certificate:
            return False
        shown = {text for part in certificate.get("subject", ()) for key, text in part if key == "commonName"}
        return not self.names or bool(shown & set(self.names))


async def read(cluster: "Cluster") -> FrontProxy:
    """What the API server says now. Raises: Unavailable if it has no front proxy, or one that anybody could be."""
    found = await cluster.get("ConfigMap", *WHERE)
    told = (found or {}).get("data") or {}
    if not told.get(CA):
        raise Unavailable(
            f"The ConfigMap {WHERE[1]}/{WHERE[0]} names no {CA}: the API server was started without an aggregation "
            "layer (--requestheader-client-ca-file, --proxy-client-cert-file), so nobody can be let in."
        )
    allowed = tuple(json.loads(told.get(NAMES) or "[]"))
    if not allowed and told[CA] == told.get(CLIENTS):
        raise Unavailable(
            f"{CA} is the authority of all clients and {NAMES} is empty: every user of the cluster could pass for the "
            "API server. Name the front proxy in --requestheader-allowed-names."
        )
    return FrontProxy(told[CA], allowed)


def protocol(proxy: FrontProxy) -> type[H11Protocol]:
    """HTTP for connections of the front proxy alone: TLS has checked the authority, here the name is."""

    class Checked(H11Protocol):
        refused = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            shown = transport.get_extra_info("peercert")
            self.refused = not proxy.lets_in(shown)
            if self.refused:
                log.warning(
                    "refused a client that is not the API server's front proxy", subject=_subject(shown)
                )
                transport.abort()

        def data_received(self, data: bytes) -> None:
            if not self.refused:
                super().data_received(data)

    return Checked


def _subject(certificate: Any) -> str:
    return str((certificate or {}).get("subject", "no certificate"))[:200]

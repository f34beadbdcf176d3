"""Pure functions: Envoy's clusters, by address or by name, and the credential it shows to them."""

from pathlib import Path
from typing import Any

Part = dict[str, Any]
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
INJECTOR = "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector"
GENERIC = "envoy.extensions.http.injected_credentials.generic.v3.Generic"
CODEC = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - the name of a type
TOKEN = "token"  # noqa: S105 - the name of the secret
LOOPBACK = "127.0.0.1"
LOOKUP_SECONDS = 2
"""Pause between two look-ups of a name; a pod's preStop sleep must be longer."""


def typed(kind: str, **fields: Any) -> Part:
    """A message with its type, as Envoy wants it wherever any type may stand."""
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def address(port: int, host: str = LOOPBACK) -> Part:
    return {"socket_address": {"address": host, "port_value": port}}


def cluster(name: str, port: int, host: str = LOOPBACK) -> Part:
    """A cluster of one loopback address, or of every address that a name has."""
    endpoint = {"endpoint": {"address": address(port, host)}}
    made: Part = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return made if host == LOOPBACK else made | _looked_up()


def _looked_up() -> Part:
    """Names are looked up often, so that a pod that ends is left within seconds."""
    return {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "dns_refresh_rate": f"{LOOKUP_SECONDS}s",
        "dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "2s"},
        "ignore_health_on_host_removal": True,
    }


def speaking(base: Part, http2: bool = False, credential: Part | None = None) -> Part:
    """*base* with its protocol, and a bearer token on every request if there is a *credential*."""
    protocol = "http2_protocol_options" if http2 else "http_protocol_options"
    alive = {"connection_keepalive": {"interval": "15s", "timeout": "5s"}} if http2 else {}
    options = typed(HTTP_OPTIONS, explicit_http_config={protocol: alive})
    if credential is not None:
        options["http_filters"] = [_injector(credential), codec()]
    return base | {"typed_extension_protocol_options": {HTTP_OPTIONS: options}}


def _injector(credential: Part) -> Part:
    """An upstream filter: it also meets what Envoy itself sends, its polls and its log."""
    generic = typed(GENERIC, header_value_prefix="Bearer ", credential=credential)
    how = {"name": "envoy.http.injected_credentials.generic", "typed_config": generic}
    return {
        "name": "envoy.filters.http.credential_injector",
        "typed_config": typed(INJECTOR, overwrite=True, credential=how),
    }


def codec() -> Part:
    """The last of a cluster's own filters."""
    return {"name": "envoy.filters.http.upstream_codec", "typed_config": typed(CODEC)}


def inline_secret(token: str) -> Part:
    """The token itself, for the start-up configuration; keep that file private."""
    return {"name": TOKEN, "generic_secret": {"secret": {"inline_string": token}}}


def token_file(path: Path) -> Part:
    """A discovery file of the token: Envoy reads *path* again whenever its folder changes."""
    return {"resources": [typed(SECRET, name=TOKEN, generic_secret={"secret": {"filename": str(path)}})]}


def credential(discovery_file: Path | None) -> Part:
    """Where the token is found: in a discovery file, else among the secrets of the start-up configuration."""
    if discovery_file is None:
        return {"name": TOKEN}
    source = {"path_config_source": {"path": str(discovery_file)}, "resource_api_version": "V3"}
    return {"name": TOKEN, "sds_config": source}

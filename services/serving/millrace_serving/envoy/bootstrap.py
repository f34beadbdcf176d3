"""Pure functions: Envoy's start-up configuration, with its listeners and the prediction log."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

LUA = (Path(__file__).parent / "prediction_log.lua").read_text()
MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
OTEL = "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"
CONNECTIONS = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
HEADER_LENGTH = "inference-header-content-length"
NODE = "gateway-0"
SERVING = "localhost"
"""Name of the cluster that is serving: Envoy sends it as the Host of its polls, and serving checks hosts."""
LISTENERS = ("inference", "shadow")

LOGGED = {
    "request_id": "%REQ(x-request-id)%",
    "revision": "%UPSTREAM_CLUSTER%",
    "endpoint": "%METADATA(ROUTE:millrace:endpoint)%",
    "project": "%METADATA(ROUTE:millrace:project)%",
    "key": "%REQ(x-millrace-key)%",
    "event_time": "%REQ(x-millrace-event-time)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "response": "%DYNAMIC_METADATA(millrace:response)%",
    "request_skipped": "%DYNAMIC_METADATA(millrace:request_skipped)%",
    "response_skipped": "%DYNAMIC_METADATA(millrace:response_skipped)%",
    "request_json_length": f"%REQ({HEADER_LENGTH})%",
    "response_json_length": f"%RESP({HEADER_LENGTH})%",
}
"""Attributes of one prediction log record; its body is the request; what is missing reads "-"."""


@dataclass(frozen=True)
class Gateway:
    """What the gateway's start-up configuration depends on."""

    inference_port: int
    shadow_port: int
    admin_port: int
    discovery_port: int
    otlp_port: int
    token: str
    flush_seconds: float
    request_seconds: float
    poll_seconds: float = 0.1
    """Pause between two polls; serving holds each poll until there is news, so few are enough."""
    hold_seconds: float = 15.0
    """Longest time that one poll may take."""
    connections: int = 1024


def _any(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/{kind}", **fields}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def bootstrap(gateway: Gateway) -> dict[str, Any]:
    """The whole configuration that Envoy starts with; it holds the token, so keep it private."""
    return {
        "node": {"id": NODE, "cluster": "millrace-gateway", "metadata": {"token": gateway.token}},
        "admin": {"address": _address(gateway.admin_port)},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": _any(CONNECTIONS, max_active_downstream_connections=gateway.connections),
                }
            ]
        },
        "dynamic_resources": {"cds_config": _rest(gateway)},
        "static_resources": {
            "clusters": [
                static_cluster(SERVING, gateway.discovery_port),
                static_cluster("otlp", gateway.otlp_port) | _http2(),
                static_cluster("shadow-hop", gateway.shadow_port) | _shed(64),
            ],
            "listeners": [
                _listener(gateway, "inference", gateway.inference_port),
                _listener(gateway, "shadow", gateway.shadow_port),
            ],
        },
    }


def _rest(gateway: Gateway) -> dict[str, Any]:
    """Configuration by polling serving; without a first answer Envoy stays unready instead of answering 404."""
    source = {
        "api_type": "REST",
        "transport_api_version": "V3",
        "cluster_names": [SERVING],
        "refresh_delay": f"{gateway.poll_seconds}s",
        "request_timeout": f"{gateway.hold_seconds}s",
    }
    return {"resource_api_version": "V3", "initial_fetch_timeout": "0s", "api_config_source": source}


def static_cluster(name: str, port: int) -> dict[str, Any]:
    """A cluster of one loopback address."""
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _http2() -> dict[str, Any]:
    options = _any(HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": {}})
    return {"typed_extension_protocol_options": {HTTP_OPTIONS: options}}


def _shed(requests: int) -> dict[str, Any]:
    limits = {"max_requests": requests, "max_pending_requests": requests}
    return {"circuit_breakers": {"thresholds": [limits]}}


def _listener(gateway: Gateway, name: str, port: int) -> dict[str, Any]:
    chain = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connections(gateway, name),
            }
        ]
    }
    return {
        "name": name,
        "address": _address(port),
        "per_connection_buffer_limit_bytes": 1048576,
        "filter_chains": [chain],
    }


def _connections(gateway: Gateway, name: str) -> dict[str, Any]:
    lua = _any("envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": LUA})
    router = _any("envoy.extensions.filters.http.router.v3.Router")
    return _any(
        MANAGER,
        stat_prefix=name,
        rds={"route_config_name": name, "config_source": _rest(gateway)},
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        strip_any_host_port=True,
        use_remote_address=name == "inference",
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        request_id_extension={"typed_config": _request_ids()},
        request_timeout=f"{gateway.request_seconds}s",
        request_headers_timeout="5s",
        common_http_protocol_options={
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        access_log=[_prediction_log(gateway, name)],
        http_filters=[
            {"name": "envoy.filters.http.lua", "typed_config": lua},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
    )


def _request_ids() -> dict[str, Any]:
    """Request ids as they came: the usual trace mark inside them would part a request from its mirror."""
    return _any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False)


def _prediction_log(gateway: Gateway, name: str) -> dict[str, Any]:
    """The logger; `common_config`, because beside it Envoy 1.40 flushes once a second whatever it is told."""
    values = [{"key": key, "value": {"string_value": value}} for key, value in LOGGED.items()]
    values.append({"key": "listener", "value": {"string_value": name}})
    config = _any(
        OTEL,
        common_config={
            "log_name": "predictions",
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": "otlp"},
                "timeout": "5s",
                "initial_metadata": [{"key": "authorization", "value": f"Bearer {gateway.token}"}],
            },
            "buffer_size_bytes": 262144,
            "buffer_flush_interval": f"{gateway.flush_seconds}s",
        },
        stat_prefix=f"{name}.",
        disable_builtin_labels=True,
        body={"string_value": "%DYNAMIC_METADATA(millrace:request)%"},
        attributes={"values": values},
    )
    post = {"header_filter": {"header": {"name": ":method", "string_match": {"exact": "POST"}}}}
    return {"name": "envoy.access_loggers.open_telemetry", "filter": post, "typed_config": config}

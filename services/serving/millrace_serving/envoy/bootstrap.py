"""Envoy's start-up configuration: as a pure function, and as a file that a gateway pod writes before Envoy starts.

`python -m millrace_serving.envoy.bootstrap /etc/envoy/envoy.json` writes it, and `token.json` beside it, which
tells Envoy where its token is.
"""

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from millrace_serving.envoy import grpc, listeners, upstreams
from millrace_serving.envoy.listeners import ADMIN, Entry
from millrace_serving.envoy.upstreams import LOOPBACK, Part, address, cluster, speaking, typed
from millrace_serving.settings import ServingSettings

CONNECTIONS = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
HEAP = "envoy.resource_monitors.fixed_heap"
HEAPS = "envoy.extensions.resource_monitors.fixed_heap.v3"
TIMERS = "envoy.config.overload.v3.ScaleTimersOverloadActionConfig"
SHORT, FULL, ENDING = 0.6, 0.8, 0.85
"""Shares of the memory: from the first on room is made, from the second on nothing new is taken, from the third on
what is being received is ended."""
OWN = 64 * 2**20
"""Bytes that Envoy takes beside what it allocates: its program, its stacks, its threads' caches."""
STILL_SECONDS = 2
"""Longest time that a request may stand still when nothing new is taken any more."""
TRACKED = 20
"""Requests that hold 2 to the power of this, 1 MiB, may be ended to free memory; shorter ones never are."""
NODE = "gateway-0"
SERVING = "localhost"
"""Name of the cluster that is serving: Envoy sends it as the Host of its polls, and serving checks hosts."""
INFERENCE_PORT, SHADOW_PORT, ADMIN_PORT, STATS_PORT = 8000, 8001, 9901, 9902
"""Ports of a gateway pod."""
REQUEST_SECONDS = 30.0
TOKEN_FILE = "token.json"  # noqa: S105 - the name of a file
ANYWHERE = "0.0.0.0"  # noqa: S104 - a gateway pod is there to be reached


@dataclass(frozen=True)
class Gateway:
    """What the gateway's start-up configuration depends on."""

    inference_port: int
    shadow_port: int
    admin_port: int
    discovery_port: int
    otlp_port: int
    flush_seconds: float
    request_seconds: float
    token: str = ""
    token_discovery: Path | None = None
    """File that tells Envoy where its token is; None: the token is *token*."""
    node: str = NODE
    host: str = LOOPBACK
    """Address on which inference requests are taken."""
    discovery_host: str = LOOPBACK
    otlp_host: str = LOOPBACK
    stats_port: int = 0
    """Port for probes and Prometheus; 0: none."""
    poll_seconds: float = 0.1
    """Pause between two polls; serving holds each poll until there is news, so few are enough."""
    hold_seconds: float = 15.0
    """Longest time that one poll may take."""
    connections: int = 1024
    grpc: bool = False
    """Whether inference requests are also taken over gRPC."""
    protected: bool = False
    """Whether who asks has to show a key or a token."""
    memory_bytes: int = 2**30
    """What Envoy may take in all: near it no more requests are taken, and nearer those that are coming in are ended."""


def bootstrap(gateway: Gateway) -> Part:
    """The whole configuration that Envoy starts with; keep it private when it holds the token."""
    inline = [] if gateway.token_discovery else [upstreams.inline_secret(gateway.token)]
    return {
        "node": {"id": gateway.node, "cluster": "millrace-gateway"},
        "admin": {"address": address(gateway.admin_port)},
        "overload_manager": _overload(gateway),
        "dynamic_resources": {"cds_config": _rest(gateway)},
        "static_resources": {
            "secrets": inline,
            "clusters": _clusters(gateway),
            "listeners": _listeners(gateway),
        },
    }


def _overload(gateway: Gateway) -> Part:
    """Requests are held until they are whole, so many long and slow ones may not take the memory of all others."""
    heap = {
        "name": HEAP,
        "typed_config": typed(f"{HEAPS}.FixedHeapConfig", max_heap_size_bytes=_heap(gateway.memory_bytes)),
    }
    return {
        "refresh_interval": "0.02s",
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": TRACKED},
        "resource_monitors": [_connections(gateway), heap],
        "actions": _actions(),
        "loadshed_points": [_near("envoy.load_shed_points.http1_server_abort_dispatch", _at(ENDING))],
    }


def _heap(memory: int) -> int:
    """Bytes left for what is allocated; at least half of *memory*, so that a small gateway still answers."""
    return max(memory - OWN, memory // 2)


def _actions() -> list[Part]:
    """What is done the nearer Envoy is to what it may take.

    Over HTTP/2 the streams that hold most are ended. HTTP/1 has no such action: there a request that stands still
    is ended sooner, and nearest to the bound (the load shed point) one that still sends. Freed pages go back.
    """
    sooner = {"timer": "HTTP_DOWNSTREAM_STREAM_IDLE", "min_timeout": f"{STILL_SECONDS}s"}
    timers = typed(TIMERS, timer_scale_factors=[sooner])
    named = "envoy.overload_actions."
    return [
        _near(f"{named}shrink_heap", _at(SHORT)),
        _near(f"{named}reset_high_memory_stream", _from(SHORT, FULL)),
        _near(f"{named}reduce_timeouts", _from(SHORT, FULL)) | {"typed_config": timers},
        _near(f"{named}stop_accepting_requests", _at(FULL)),
    ]


def _near(name: str, when: Part) -> Part:
    return {"name": name, "triggers": [{"name": HEAP, **when}]}


def _at(share: float) -> Part:
    return {"threshold": {"value": share}}


def _from(share: float, full: float) -> Part:
    return {"scaled": {"scaling_threshold": share, "saturation_threshold": full}}


def _connections(gateway: Gateway) -> Part:
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": typed(CONNECTIONS, max_active_downstream_connections=gateway.connections),
    }


def _rest(gateway: Gateway) -> Part:
    """Configuration by polling serving; without a first answer Envoy stays unready instead of answering 404."""
    source = {
        "api_type": "REST",
        "transport_api_version": "V3",
        "cluster_names": [SERVING],
        "refresh_delay": f"{gateway.poll_seconds}s",
        "request_timeout": f"{gateway.hold_seconds}s",
    }
    return {"resource_api_version": "V3", "initial_fetch_timeout": "0s", "api_config_source": source}


def _clusters(gateway: Gateway) -> list[Part]:
    token = upstreams.credential(gateway.token_discovery)
    serving = cluster(SERVING, gateway.discovery_port, gateway.discovery_host)
    otlp = cluster("otlp", gateway.otlp_port, gateway.otlp_host)
    refusals = cluster("refusals", gateway.discovery_port, gateway.discovery_host)
    made = [
        speaking(serving, credential=token),
        speaking(otlp, http2=True, credential=token),
        cluster("shadow-hop", gateway.shadow_port) | _shed(64),
        speaking(cluster(grpc.SHADOW, gateway.shadow_port), http2=True) | _shed(64),
        speaking(refusals, credential=token) | _shed(8),
    ]
    return [*made, cluster(ADMIN, gateway.admin_port)] if gateway.stats_port else made


def _shed(requests: int) -> Part:
    limits = {"max_requests": requests, "max_pending_requests": requests}
    return {"circuit_breakers": {"thresholds": [limits]}}


def _listeners(gateway: Gateway) -> list[Part]:
    """The public way in, the one for mirrored requests on loopback, and the one for probes and Prometheus."""
    shadow = Entry(
        "shadow", gateway.shadow_port, _rest(gateway), gateway.request_seconds, gateway.flush_seconds,
        grpc=gateway.grpc,
    )  # fmt: skip
    public = replace(
        shadow,
        name="inference",
        port=gateway.inference_port,
        host=gateway.host,
        protected=gateway.protected,
    )
    stats = [listeners.stats(gateway.stats_port)] if gateway.stats_port else []
    return [listeners.entry(public), listeners.entry(shadow), *stats]


def of_pod(settings: ServingSettings, folder: Path) -> Gateway:
    """The gateway of a pod: open to its network, its neighbours by name, its token found by a file in *folder*."""
    serving, monitoring = urlsplit(settings.serving_url), urlsplit(settings.monitoring_url)
    return Gateway(
        inference_port=INFERENCE_PORT,
        shadow_port=SHADOW_PORT,
        admin_port=ADMIN_PORT,
        stats_port=STATS_PORT,
        discovery_host=serving.hostname or LOOPBACK,
        discovery_port=serving.port or 80,
        otlp_host=monitoring.hostname or LOOPBACK,
        otlp_port=settings.otlp_port,
        flush_seconds=settings.log_flush_seconds,
        request_seconds=REQUEST_SECONDS,
        token_discovery=folder / TOKEN_FILE,
        node=settings.pod_name or NODE,
        host=ANYWHERE,
        grpc=settings.grpc,
        protected=not settings.gateway_public,
        memory_bytes=settings.gateway_memory,
    )


def main() -> None:
    """Write the start-up configuration of this gateway pod to the file that is named."""
    settings, path = ServingSettings(), Path(sys.argv[1])
    token = Path(os.environ["MILLRACE_TOKEN_FILE"])
    _write(path.with_name(TOKEN_FILE), upstreams.token_file(token))
    _write(path, bootstrap(of_pod(settings, path.parent)))


def _write(path: Path, content: Part) -> None:
    path.touch(mode=0o640)
    path.write_text(json.dumps(content))


if __name__ == "__main__":
    main()

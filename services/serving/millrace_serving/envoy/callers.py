"""Pure functions: whom the gateway lets in, as Envoy is told: in three filters of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from millrace_serving.envoy import lua
from millrace_serving.envoy.upstreams import Part, typed

FOLDER = Path(__file__).parent
LUA = "envoy.extensions.filters.http.lua.v3.Lua"
DOOR = "".join((FOLDER / f"{name}.lua").read_text() for name in ("sha256", "admission", "door"))
"""The script of the door; who is known stands before it."""
SCRIPT = "envoy.filters.http.lua"
"""Name of the filter in Lua that reads messages; it and the door read metadata of routes under this name."""
CALLER, ADMITTED = "millrace.caller", "millrace.admitted"
"""Metadata of a request: who asks, and that they may."""
VERIFIED, ENTRANCE, LIMITED = "callers", "millrace.door", "limits"
"""Resources of discovery, a filter each: it verifies signed tokens; knows who may ask what; counts requests."""
EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
JWT = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"
HEADERS = ("authorization", "x-api-key")
"""Where a key or a token is shown."""
LEEWAY = 10
"""Seconds by which clocks may differ, as in the services."""
REMEMBERED = 1000
"""Verified tokens that are not verified again; their times are."""
EVERYTHING = "*"
OPEN: Part = {"open": True}
"""Metadata of a route that asks nobody who they are."""
BY_MESSAGE: Part = {"message": True}
"""Metadata of a route that stands in only until the message is read."""
Scope = tuple[str, ...]
"""What somebody may ask: `*`, `<project>/*`, `<project>/<endpoint>`."""


@dataclass(frozen=True)
class Key:
    """Somebody with a key, or with a token of the tokens file: both are known by their SHA-256."""

    sha256: str
    name: str
    scope: Scope
    expires: int = 0
    """Seconds since 1970; 0: never."""
    per_second: int = 0
    """Requests; 0: no limit."""
    longest: int = 0
    """Bytes of a request; 0: no limit."""


@dataclass(frozen=True)
class Given:
    """What somebody may ask whom an issuer names by subject, or by a claim and its value."""

    scope: Scope
    subject: str = ""
    claim: str = ""
    value: str = ""
    everywhere: bool = True
    """Of several that hold everywhere the first that fits counts; of the others all."""


@dataclass(frozen=True)
class Issuer:
    """Somebody whose signed tokens are believed."""

    name: str
    audience: str
    keys: str
    """Its published keys, a JWKS."""
    given: tuple[Given, ...] = ()
    projects: Mapping[str, str] | None = None
    """Projects of namespaces that are not their own: a service account may ask its namespace's. None: it may not."""
    watched: tuple[str, ...] = ()
    """The namespaces that are projects at all; none named: all."""


@dataclass(frozen=True)
class Callers:
    """Everybody who is let in."""

    keys: tuple[Key, ...] = ()
    issuers: tuple[Issuer, ...] = ()


def known(callers: Callers) -> str:
    """Everybody as the door's script reads them: metadata of a table would be copied whole for each request."""
    keys = [f"K[{lua.literal(key.sha256)}] = {lua.literal(_of_key(key))}" for key in callers.keys]
    issuers = {_place(issuer): _of_issuer(issuer) for issuer in callers.issuers}
    return f"local KEYS, ISSUERS = {{}}, {lua.literal(issuers)}\n{lua.filled('KEYS', keys)}"


def _place(issuer: Issuer) -> str:
    """Where the claims of a token stand that this issuer signed for this audience.

    No number: filters are not replaced at one moment, and what one calls the first would be another's second.
    """
    return orjson.dumps([issuer.name, issuer.audience]).decode()


def _of_issuer(issuer: Issuer) -> Part:
    told: Part = {"claims": [], "subjects": {}}
    for place, given in enumerate(issuer.given):
        named = told["subjects"].setdefault(given.subject, []) if given.subject else told["claims"]
        named.append(_of_given(given, place))
    if issuer.projects is not None:
        told |= {"projects": dict(issuer.projects), "watched": list(issuer.watched)}
    return told


def _of_given(given: Given, place: int) -> Part:
    told: Part = {"scope": list(given.scope), "place": place, "everywhere": given.everywhere}
    return told | ({"claim": given.claim, "value": given.value} if given.claim else {})


def _of_key(key: Key) -> Part:
    told: Part = {"name": key.name, "scope": list(key.scope)}
    limits = {"expires": key.expires, "longest": key.longest}
    return told | {name: value for name, value in limits.items() if value}


def metadata(told: Part) -> Part:
    """What the filters read of a route."""
    return {"filter_metadata": {SCRIPT: told}}


def extensions(callers: Callers) -> dict[str, Part]:
    """The configurations of the filters that change while a gateway runs, by the names of their resources."""
    script = {"inline_string": f"{known(callers)}{DOOR}"}
    made = {
        VERIFIED: _jwt(callers),
        ENTRANCE: typed(LUA, default_source_code=script),
        LIMITED: _limits(callers),
    }
    return {name: _extension(name, config) for name, config in made.items()}


def _extension(name: str, config: Part) -> Part:
    return {"@type": EXTENSION, "name": name, "typed_config": config}


def _jwt(callers: Callers) -> Part:
    """A token that nobody can verify passes without claims: the door refuses it, and says why."""
    providers = {str(place): _provider(issuer) for place, issuer in enumerate(callers.issuers)}
    if not providers:
        return typed(JWT)
    one_of = [*({"provider_name": name} for name in providers), {"allow_missing_or_failed": {}}]
    rule = {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": one_of}}}
    return typed(JWT, providers=providers, rules=[rule])


def _provider(issuer: Issuer) -> Part:
    return {
        "issuer": issuer.name,
        "audiences": [issuer.audience],
        "local_jwks": {"inline_string": issuer.keys},
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "payload_in_metadata": _place(issuer),
        "require_expiration": True,
        "clock_skew_seconds": LEEWAY,
        "forward": True,
        "jwt_cache_config": {"jwt_cache_size": REMEMBERED},
    }


def _limits(callers: Callers) -> Part:
    """One bucket for each key with a limit, as large as what it may send in a second; others are not counted."""
    asked = {"key": CALLER, "path": [{"key": "name"}]}
    action = {"metadata": {"descriptor_key": "caller", "metadata_key": asked, "source": "DYNAMIC"}}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    again = {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return typed(
        LIMIT,
        stat_prefix="limits",
        filter_enabled=always,
        filter_enforced=always,
        token_bucket={"max_tokens": 4294967295, "tokens_per_fill": 4294967295, "fill_interval": "1s"},
        descriptors=[_bucket(key) for key in callers.keys if key.per_second],
        rate_limits=[{"actions": [action]}],
        response_headers_to_add=[again],
        rate_limited_as_resource_exhausted=True,
    )


def _bucket(key: Key) -> Part:
    bucket = {"max_tokens": key.per_second, "tokens_per_fill": key.per_second, "fill_interval": "1s"}
    return {"entries": [{"key": "caller", "value": key.name}], "token_bucket": bucket}


def another(extension: Part, tries: int) -> Part:
    """The same at the first try, and no two alike after it.

    Envoy 1.40 remembers a filter's configuration before it looks whether it can be used. Offered the same once more, it
    finds nothing new, and says that it has it.
    """
    config = dict(extension["typed_config"])
    if tries > 1 and "default_source_code" in config:
        text = config["default_source_code"]["inline_string"]
        config["default_source_code"] = {"inline_string": f"{text}\n-- {tries}"}
    elif tries > 1:
        config["stat_prefix"] = f"{config.get('stat_prefix', '')}{tries}"
    return extension | {"typed_config": config}


def door(discovery: Part) -> list[Part]:
    """The filters before all others: who asks, may they, and not too often. Without configuration nobody is served.

    Args:
        discovery: where the configurations come from.
    """
    kinds = ((VERIFIED, JWT), (ENTRANCE, LUA), (LIMITED, LIMIT))
    return [_discovered(name, discovery, kind) for name, kind in kinds]


def _discovered(name: str, discovery: Part, kind: str) -> Part:
    source = {"config_source": discovery, "type_urls": [f"type.googleapis.com/{kind}"]}
    return {"name": name, "config_discovery": source}


def bolt() -> Part:
    """The last filter before the router: whom the door has not let in goes no further, also if a script failed."""
    shown = {"filter": ADMITTED, "path": [{"key": "yes"}], "value": {"string_match": {"exact": "yes"}}}
    principal = {"sourced_metadata": {"metadata_matcher": shown, "metadata_source": "DYNAMIC"}}
    policies = {"admitted": {"permissions": [{"any": True}], "principals": [principal]}}
    rules = {"action": "ALLOW", "policies": policies}
    return {"name": "envoy.filters.http.rbac", "typed_config": typed(RBAC, rules=rules)}


def admitted() -> list[Part]:
    """Filters of the access log: no line for those who were not let in, and none for those who ask too often."""
    shown = {"filter": ADMITTED, "path": [{"key": "yes"}], "value": {"string_match": {"exact": "yes"}}}
    often = {"value": {"default_value": 429, "runtime_key": "millrace.none"}, "op": "NE"}
    return [
        {"metadata_filter": {"matcher": shown, "match_if_key_not_found": False}},
        {"status_code_filter": {"comparison": often}},
    ]


TOO_OFTEN = (
    "This key may ask no more often: wait a second and send again, or ask for one with a larger limit (millrace keys "
    "create NAME --per-second N)."
)


def mappers(called: Part) -> list[Part]:
    """What is told to those who ask too often; the filter itself has no words.

    Args:
        called: the filter of the access log for calls over gRPC.
    """
    status = {"value": {"default_value": 429, "runtime_key": "millrace.none"}, "op": "EQ"}
    often = {"status_code_filter": {"comparison": status}}
    problem = {
        "type": "about:blank",
        "title": "Too many requests",
        "status": 429,
        "detail": TOO_OFTEN,
        "error": TOO_OFTEN,
        "instance": "%REQ(x-request-id)%",
    }
    form = {"json_format": problem, "content_type": "application/problem+json"}
    return [
        {"filter": {"and_filter": {"filters": [often, called]}}, "body": {"inline_string": TOO_OFTEN}},
        {"filter": often, "body_format_override": form},
    ]


def jwks(published: Sequence[Part]) -> str:
    """A JWKS as text, the same for the same keys in any order."""
    ordered = sorted(published, key=lambda item: str(item.get("kid")))
    return orjson.dumps({"keys": ordered}, option=orjson.OPT_SORT_KEYS).decode()

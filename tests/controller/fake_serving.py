"""A strict stand-in for serving: endpoints and rollouts in event time."""

from datetime import timedelta

from fastapi import HTTPException, Request, Response

from millrace_contracts.endpoints import Advance, EndpointRollback, EndpointWrite, Retain
from millrace_contracts.rollouts import RolloutAbort, RolloutWrite

from .strict import digest, exactly, instant

REVISION = {"version": 1, "digest": digest("graph"), "reason": "", "waiting": None, "weight": 0}
ROLLOUT = {
    "previous": None, "step": 0, "step_since": None, "evidence": [], "version": 1, "plan": {}, "event_time": None,
    "reason": "", "decision": None,
}  # fmt: skip


def install(app, world):
    def decide(rollout, kind, cause):
        """A decision into serving's outbox; the rollout remembers it."""
        rollout["decision"] = f"{kind} {rollout['id']} of {rollout['version']}"
        world.untold.append({"id": rollout["decision"], "kind": kind, "cause": cause})

    def end(rollout, state):
        rollout["state"] = state
        decide(rollout, f"rollout.{state}", rollout["decision"])

    def get(name):
        if name not in world.endpoints:
            raise HTTPException(404, f"no endpoint {name}")
        return world.endpoints[name]

    def read(found):
        rollout = told(found, found["rollouts"][-1]) if found["rollouts"] else None
        shown = {key: value for key, value in found.items() if key not in ("keys", "rollouts")}
        stable = [item["number"] for item in found["revisions"] if item["version"] == found["stable_version"]]
        facts = {"project": "default", "url": None, "stable": stable[-1] if stable else None}
        revisions = [REVISION | item for item in found["revisions"]]
        return facts | shown | {"rollout": rollout, "revisions": revisions}

    def told(found, rollout):
        return ROLLOUT | {"endpoint": found["name"]} | rollout

    @app.put("/v1/endpoints/{name}")
    async def put(name: str, request: Request):
        body = await request.json()
        exactly(body, EndpointWrite)
        fresh = {"revisions": [], "stable_version": None, "event_time": None, "keys": {}, "rollouts": []}
        return read(world.endpoints.setdefault(name, body | {"name": name} | fresh))

    @app.get("/v1/endpoints/{name}")
    def one(name: str):
        return read(get(name))

    @app.delete("/v1/endpoints/{name}", status_code=204)
    def delete(name: str):
        get(name)
        del world.endpoints[name]
        return Response(status_code=204)

    @app.post("/v1/endpoints/{name}/rollouts", status_code=201)
    async def start(name: str, request: Request):
        body, found = await request.json(), get(name)
        exactly(body, RolloutWrite)
        if body["key"] in found["keys"]:
            known, rollout = found["keys"][body["key"]]
            if known != body:
                raise HTTPException(409, "the key was used with another body")
            return told(found, rollout)
        if any(item["state"] in ("mirroring", "canary") for item in found["rollouts"]):
            raise HTTPException(409, "a rollout is in flight")
        expected = body.get("expected_stable")
        if expected is not None and expected != (found["stable_version"] or 0):
            raise HTTPException(409, f"version {found['stable_version']} answers")
        world.started(name, body)
        number = len(found["revisions"]) + 1
        revision = {
            "number": number,
            "name": f"{name}--r{number}",
            "version": body["version"],
            "state": "ready",
        }
        found["revisions"].append(revision)
        made = {
            "id": len(found["rollouts"]) + 1,
            "version": body["version"],
            "revision": number,
            "reason": "",
            "state": "mirroring",
        }
        plan = [step for step in [body["plan"].get("mirror"), *body["plan"].get("canary", [])] if step]
        made |= {"plan": body["plan"], "event_time": body["event_time"]}
        made |= {"since": body["event_time"], "step_since": body["event_time"]}
        made |= {"seconds": sum(step["seconds"] for step in plan)}
        decide(made, "rollout.started", body["cause"])
        found["rollouts"].append(made)
        found["keys"][body["key"]] = (body, made)
        if body["version"] in world.faulty_versions:
            made["reason"] = "the golden row is wrong"
            end(made, "aborted")
            revision["state"] = "failed"
        elif body["version"] in world.pending:
            made["state"], revision["waiting"] = "loading", world.pending[body["version"]]
        elif not plan or found["stable_version"] is None:
            end(made, "promoted")
            found["stable_version"] = body["version"]
        return told(found, made)

    @app.get("/v1/endpoints/{name}/rollouts")
    def rollouts(name: str):
        found = get(name)
        return {"items": [told(found, item) for item in reversed(found["rollouts"])], "next": None}

    @app.get("/v1/endpoints/{name}/rollouts/{number}")
    async def rollout(name: str, number: int, wait: float = 0) -> dict:
        return told(get(name), get(name)["rollouts"][number - 1])

    @app.post("/v1/endpoints/{name}/rollouts/{number}:abort")
    async def abort(name: str, number: int, request: Request):
        body, found = await request.json(), get(name)
        exactly(body, RolloutAbort)
        rollout = found["rollouts"][number - 1]
        if rollout["state"] not in ("mirroring", "canary"):
            raise HTTPException(409, "it is over")
        rollout["reason"] = body["reason"]
        end(rollout, "aborted")
        return told(found, rollout)

    @app.post("/v1/endpoints/{name}:advance")
    async def advance(name: str, request: Request):
        body, found = await request.json(), get(name)
        exactly(body, Advance)
        now = instant(body["event_time"])
        if found["event_time"] is None or now > instant(found["event_time"]):
            found["event_time"] = body["event_time"]
        rollout = found["rollouts"][-1] if found["rollouts"] else None
        if rollout and rollout["state"] == "mirroring":
            since = instant(rollout["since"]) if rollout["since"] else now
            if now >= since + timedelta(seconds=rollout["seconds"]):
                end(rollout, "promoted")
                found["stable_version"] = rollout["version"]
        return read(found)

    @app.post("/v1/endpoints/{name}:rollback")
    async def rollback(name: str, request: Request):
        body, found = await request.json(), get(name)
        exactly(body, EndpointRollback)
        key = f"rollback {body['key']}"
        if key in found["keys"]:
            if found["keys"][key] != body:
                raise HTTPException(409, "the key was used for another rollback")
            return read(found)
        ready = [item["version"] for item in found["revisions"] if item["state"] == "ready"]
        if body["version"] not in ready or body["version"] in world.unloaded:
            raise HTTPException(409, f"version {body['version']} is not loaded")
        found["keys"][key] = body
        found["stable_version"] = body["version"]
        if found["rollouts"][-1]["state"] == "mirroring":
            found["rollouts"][-1]["reason"] = "aborted by a rollback"
            end(found["rollouts"][-1], "aborted")
        return read(found)

    @app.post("/v1/endpoints/{name}:retain")
    async def retain(name: str, request: Request):
        body, found = await request.json(), get(name)
        exactly(body, Retain)
        kept = {*body["versions"], found["stable_version"]}
        for item in found["revisions"]:
            if item["version"] not in kept and item["state"] == "ready":
                item["state"] = "retired"
        return read(found)

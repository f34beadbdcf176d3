"""What the controller asks of the part of monitoring that tells people: alarms that it holds, and who is told."""

from fastapi import Request, Response

from millrace_contracts.alarms import StandingWrite
from millrace_contracts.notices import SubscriptionWrite

from .strict import exactly


def install(app, world):
    world.standing, world.blocked, world.subscriptions, world.telling = {}, {}, {}, []

    @app.put("/v1/alarms/standing/{name}")
    async def hold(name: str, request: Request):
        body = await request.json()
        exactly(body, StandingWrite)
        held = {"quarantine": world.standing, "blocked": world.blocked}[body["kind"]]
        held[name] = {item["cause"]: item["reason"] for item in body["findings"]}
        return []

    @app.put("/v1/subscriptions/{name}", status_code=204)
    async def subscribe(name: str, request: Request):
        body = await request.json()
        exactly(body, SubscriptionWrite)
        world.subscriptions[name] = body["notify"]
        return Response(status_code=204)

    @app.delete("/v1/subscriptions/{name}", status_code=204)
    def unsubscribe(name: str):
        world.subscriptions.pop(name, None)
        return Response(status_code=204)

    @app.get("/v1/subscriptions:standing")
    def standing():
        return world.telling

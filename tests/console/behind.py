"""Services behind the console that answer what a test prepared, by method and path; answers: `tests.sdk.examples`."""

from types import SimpleNamespace

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

SERVICES = ("registry", "controller", "monitoring", "serving", "training")
NOTHING = {"title": "Not found", "status": 404, "detail": "not prepared"}


def stand_behind(person):
    """`it.answers["GET /v1/projects"] = …`, a value or made of the query; `it.seen`: asked, by `it.tokens`."""
    it, app = SimpleNamespace(answers={"GET /v1/projects": page()}, seen=[], tokens=set()), FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def told(path: str, request: Request):
        key, query = f"{request.method} /{path}", dict(request.query_params)
        it.tokens.add(request.headers.get("authorization"))
        it.seen.append((key, query, await request.body()))
        if key not in it.answers:
            return JSONResponse(NOTHING, 404, media_type="application/problem+json")
        answer = it.answers[key]
        return answer(query) if callable(answer) else answer

    for name in SERVICES:
        api = getattr(person.clients, name).api
        api._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://behind")
    return it


def page(*items, next=None):
    return {"items": list(items), "next": next}

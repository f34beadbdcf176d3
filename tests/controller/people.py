"""People with tokens of their own, and what they do with a run that waits for their approval."""

import hashlib
import json

from millrace_contracts.loop_runs import LoopRunState as State

from .conftest import ADMIN, document

ROLES = {"ada": "approver", "bob": "approver", "cyd": "approver", "eve": "operator", "vic": "viewer"}


def token(name):
    return {"authorization": f"Bearer {name}-token"}


def introduce(home, **roles):
    """Give people tokens."""
    path = home / "run" / "tokens.json"
    known = json.loads(path.read_text())["tokens"]
    for name, role in (ROLES | roles).items():
        known.append(
            {"name": name, "role": role, "sha256": hashlib.sha256(f"{name}-token".encode()).hexdigest()}
        )
    path.write_text(json.dumps({"tokens": known}))


def approved(name="sales", by=None, **gate):
    """A document whose candidates need people."""
    gate = gate | ({"by": by} if by is not None else {})
    return document(name, gates={"approval": gate})


class People:
    """What people say of the runs of one controller."""

    def __init__(self, platform):
        self.platform = platform

    async def call(self, who, method, path, expect=None, **more):
        headers = ADMIN if who == "admin" else token(who)
        return await self.platform.call(method, path, expect, headers=headers, **more)

    async def apply(self, who, body, expect=200):
        return await self.call(who, "PUT", f"/v1/loops/{body['metadata']['name']}", expect, json=body)

    async def asked(self, run, loop="sales"):
        return await self.call("vic", "GET", f"/v1/loops/{loop}/runs/{run}/approval", 200)

    async def approve(self, who, run, expect=200, digest=None, reason="", loop="sales"):
        seen = digest or (await self.asked(run, loop))["digest"]
        path = f"/v1/loops/{loop}/runs/{run}/approval:approve"
        return await self.call(who, "POST", path, expect, json={"digest": seen, "reason": reason})

    async def reject(self, who, run, reason="not now", expect=200, digest=None, loop="sales"):
        seen = digest or (await self.asked(run, loop))["digest"]
        path = f"/v1/loops/{loop}/runs/{run}/approval:reject"
        return await self.call(who, "POST", path, expect, json={"digest": seen, "reason": reason})

    async def newest(self, loop="sales"):
        return (await self.platform.runs(loop))[-1]

    async def waits(self, loop="sales"):
        """The newest run, which waits for approval."""
        run = await self.newest(loop)
        assert run["state"] == State.AWAITING_APPROVAL, run
        return run

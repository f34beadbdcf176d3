"""Sign-in at a real provider (npm's oidc-provider): there, back, renewed, out; and what comes back wrongly."""

import asyncio
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn

from millrace.transport.errors import ApiError
from millrace_console.main import ConsoleSettings, build
from millrace_registry.main import RegistrySettings
from millrace_registry.main import build as build_registry

HERE = Path(__file__).parent / "oidc"
PLACE = Path(__file__).parents[2] / ".cache" / "oidc"
SECRET = "a secret with / + and % in it"
PEOPLE = {
    "ada-1": {"email": "ada@firm.example", "email_verified": True, "groups": ["risk"]},
    "eve-2": {"email": "eve@firm.example", "email_verified": True, "groups": ["kitchen"]},
}
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
HIDDEN = re.compile(r'name="(\w+)" value="([^"]*)"')
COOKIE = "millrace_session"
SECONDS = 300
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (shutil.which("npm") and shutil.which("node")), reason="Node and npm are not here"
    ),
]


def free():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.fixture(scope="module")
def installed():
    """The provider's packages, by the lock beside it."""
    stamp = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    done = PLACE / "done"
    if not done.exists() or done.read_text() != stamp:
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, PLACE / name)
        subprocess.run(["npm", "ci", "--silent"], cwd=PLACE, check=True, timeout=200)
        done.write_text(stamp)
    shutil.copy(HERE / "provider.mjs", PLACE / "provider.mjs")
    return PLACE


@pytest.fixture(scope="module")
def console_url():
    return f"http://127.0.0.1:{free()}"


@pytest.fixture(scope="module")
def issuer(installed, console_url):
    url = f"http://127.0.0.1:{free()}"
    asked = {"issuer": url, "console": console_url, "secret": SECRET, "people": PEOPLE, "seconds": SECONDS}
    process = subprocess.Popen(
        ["node", "provider.mjs", json.dumps(asked)],
        cwd=installed,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline() == b"listening\n"
    yield url
    process.terminate()
    process.wait(20)


@asynccontextmanager
async def served(app):
    """*app* on a port of loopback, in this event loop."""
    port = free()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest.fixture
async def console(issuer, console_url, tmp_path):
    """The real console before a real registry, which has roles for one of the provider's groups."""
    roles = [{"claim": "groups", "value": "risk", "role": "approver", "project": "shop"}]
    file = tmp_path / "issuers.json"
    file.write_text(json.dumps({"issuers": [{"issuer": issuer, "audience": "millrace", "roles": roles}]}))
    async with served(
        build_registry(RegistrySettings(home=tmp_path / "registry", issuers_file=file))
    ) as registry:
        settings = ConsoleSettings(
            home=tmp_path / "console", registry_url=registry, oidc_issuer=issuer, oidc_client_id="millrace",
            oidc_client_secret=SECRET, oidc_scopes="openid email groups offline_access", oidc_name="the firm",
        )  # fmt: skip
        app = build(settings)
        async with app.router.lifespan_context(app):
            yield app


class Browser:
    """Follows redirects by hand, to the console in this process and to the provider over HTTP; one jar of cookies."""

    def __init__(self, app, console_url):
        self.home = console_url
        inside = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(trust_env=False, mounts={console_url: inside}, timeout=30)
        self.seen = []

    async def go(self, url, data=None, stop=None):
        """The page at the end; *stop*: not beyond an address that has this in it, which is returned."""
        method = "GET" if data is None else "POST"
        for _ in range(15):
            url = url if url.startswith("http") else self.home + url
            if stop and stop in url:
                return url
            self.seen.append(url)
            answer = await self.client.request(method, url, data=data)
            if not answer.is_redirect:
                return answer
            url, method, data = str(answer.url.join(answer.headers["location"])), "GET", None
        raise AssertionError("it goes round")

    async def at_the_provider(self, who, to="/you", stop=None):
        """Sign in as *who* on the provider's own pages, as far as *stop*."""
        page = await self.go(f"/oidc/start?to={to}", stop=stop)
        while not isinstance(page, str) and "/interaction/" in str(page.url):
            fields = dict(HIDDEN.findall(page.text))
            where = str(page.url.join(FORM.search(page.text)[1]))
            page = await self.go(where, data=fields | {"login": who, "password": "any"}, stop=stop)
        return page

    def person(self, app):
        return app.state.services.people.find(self.client.cookies[COOKIE])


@pytest.fixture
async def browser(console, console_url):
    made = Browser(console, console_url)
    yield made
    await made.client.aclose()


async def test_somebody_signs_in_at_the_provider_with_the_roles_of_their_groups(console, browser, issuer):
    login = await browser.go("/login")
    assert "Sign in with \u2068the firm" in login.text
    page = await browser.at_the_provider("ada-1")
    assert page.status_code == 200, page.text
    assert str(page.url) == f"{browser.home}/you"
    assert "ada@firm.example" in page.text
    person = browser.person(console)
    assert person.of == f"{issuer}#ada-1"
    who = await person.clients.registry.whoami(project="shop")
    assert [item.roles for item in who.projects if item.project == "shop"] == [["approver"]]
    asked = parse_qs(urlsplit(next(url for url in browser.seen if "code_challenge" in url)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) > 30
    assert len(asked["nonce"][0]) > 30
    token = person.entry.renewal.held.token
    assert token not in page.text
    assert all(token not in cookie.value for cookie in browser.client.cookies.jar)
    assert not any(token in url for url in browser.seen)


async def test_who_has_no_role_is_told_so_and_has_no_session(console, browser):
    page = await browser.at_the_provider("eve-2")
    assert page.status_code == 401
    assert "nobody has given you a role here" in page.text
    assert "eve@firm.example" in page.text
    assert COOKIE not in browser.client.cookies


@pytest.mark.parametrize("wrong", ["state", "browser", "twice", "issuer", "code", "nonce", "late", "refused"])
async def test_what_comes_back_wrongly_signs_nobody_in(console, browser, wrong):
    provider = console.state.services.provider
    back = await browser.at_the_provider("ada-1", stop="/oidc/callback")
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    if wrong == "state":
        query["state"] = "x" * 43
    elif wrong == "browser":
        browser.client.cookies.delete("millrace_begun")
    elif wrong == "twice":
        assert (await browser.go(back)).status_code == 200
        browser.client.cookies.delete(COOKIE)
    elif wrong == "issuer":
        query["iss"] = "https://other.example"
    elif wrong == "code":
        query["code"] = "x" * 43
    elif wrong == "nonce":
        ((key, begun),) = provider._begun.items()
        provider._begun[key] = type(begun)(**vars(begun) | {"nonce": "another"})
    elif wrong == "late":
        provider._now = lambda: time.time() + 700
    elif wrong == "refused":
        query = {"state": query["state"], "iss": query["iss"], "error": "access_denied"}
    answer = await browser.client.get(f"{browser.home}/oidc/callback", params=query)
    assert answer.status_code == 401, answer.text
    assert 'role="alert"' in answer.text
    assert COOKIE not in browser.client.cookies


async def test_a_verifier_of_another_sign_in_opens_nothing(console, browser):
    """PKCE: who intercepts a code has no use for it."""
    provider = console.state.services.provider
    back = await browser.at_the_provider("ada-1", stop="/oidc/callback")
    ((key, begun),) = provider._begun.items()
    provider._begun[key] = type(begun)(**vars(begun) | {"verifier": "v" * 64})
    answer = await browser.go(back)
    assert answer.status_code == 401
    assert "refuses" in answer.text


async def test_a_session_is_renewed_before_its_token_ends_and_over_when_the_provider_says_no(
    console, browser
):
    await browser.at_the_provider("ada-1")
    renewal = browser.person(console).entry.renewal
    first, refresh = renewal.held.token, renewal.refresh
    assert refresh
    assert (await browser.go("/you")).status_code == 200
    assert renewal.held.token == first, "not before it is time"
    renewal.ends = time.time() + 30
    assert (await browser.go("/you")).status_code == 200
    assert renewal.refresh != refresh, (
        "it is used once; a token of the same second is the same, letter by letter"
    )
    assert renewal.ends > time.time() + 200
    renewal.refresh, renewal.ends = refresh, time.time() - 1
    page = await browser.go("/you")
    assert "over=true" in str(page.url)


async def test_without_something_to_renew_with_a_session_ends_with_its_token(console, browser):
    await browser.at_the_provider("ada-1")
    renewal = browser.person(console).entry.renewal
    renewal.refresh, renewal.ends = "", time.time() + 30
    assert (await browser.go("/you")).status_code == 200
    renewal.ends = time.time() - 1
    assert "over=true" in str((await browser.go("/you")).url)


async def test_signing_out_takes_the_renewal_back_and_leads_to_the_providers_page(console, browser, issuer):
    await browser.at_the_provider("ada-1")
    person = browser.person(console)
    kept = person.entry.renewal.refresh
    page = await browser.go("/logout", data={"csrf": person.csrf})
    assert "You are signed out here" in page.text
    gone = await browser.client.post(
        f"{issuer}/token",
        data={"grant_type": "refresh_token", "refresh_token": kept},
        auth=("millrace", "a%20secret%20with%20%2F%20%2B%20and%20%25%20in%20it"),
    )
    assert gone.json()["error"] == "invalid_grant"
    there = await browser.go("/oidc/out")
    assert str(there.url).startswith(f"{issuer}/session/end")
    fields = dict(HIDDEN.findall(there.text)) | {"logout": "yes"}
    back = await browser.go(str(there.url.join(FORM.search(there.text)[1])), data=fields)
    assert str(back.url).startswith(f"{browser.home}/login")
    again = await browser.go("/oidc/start", stop="/interaction/")
    assert "/interaction/" in again, "the provider asks for the password again"


async def test_a_provider_that_is_away_is_said_to_be(console, browser):
    provider = console.state.services.provider
    provider._asked._settings = provider._asked._settings.model_copy(
        update={"oidc_issuer": "http://127.0.0.1:1"}
    )
    page = await browser.go("/oidc/start")
    assert page.status_code == 503
    assert "does not answer" in page.text


async def test_who_signed_in_there_makes_a_token_for_a_program_and_ends_it(console, browser):
    """On the page about oneself; the registry keeps it, and the program acts in their name with the role they chose."""
    page = await browser.at_the_provider("ada-1")
    assert '<option value="approver shop">' in page.text
    person = browser.person(console)
    form = {"csrf": person.csrf, "label": "nightly report", "days": "30"}
    made = await browser.go("/you/tokens", data=form | {"grant": "approver shop"})
    word = re.search(r"<pre>(mlp_[A-Za-z0-9_-]+)</pre>", made.text)[1]
    assert "nightly report" in made.text
    assert word not in (await browser.go("/you")).text
    program = console.state.services.people.clients(word)
    try:
        who = await program.registry.whoami(project="shop")
        assert (who.name, who.identifier) == ("ada@firm.example", person.of)
        assert [item.roles for item in who.projects] == [["approver"]]
        refused = await browser.go("/you/tokens", data=form | {"grant": "admin shop"})
        assert refused.status_code == 403
        assert "admin in shop" in refused.text
        (kept,) = await person.clients.registry.tokens()
        asked = (await browser.go(f"/you/tokens/revoke?which={kept.id}")).text
        assert "Revoke this token?" in asked
        assert "nightly report" in asked
        assert (
            await browser.go("/you/tokens/revoke", data={"csrf": person.csrf, "which": kept.id})
        ).status_code == 200
        with pytest.raises(ApiError, match="401"):
            await program.registry.whoami()
    finally:
        await program.close()

"""Secrets are named, found where they are named, and told to nobody."""

import traceback
from pathlib import Path

import pytest

from millrace_contracts.jobs import JobNew
from millrace_contracts.sources import Source
from millrace_core.errors import BadInput
from millrace_training.jobs.submitting import _check_secrets
from millrace_training.runtime.errors import JobError
from millrace_training.sources.secrets import Secrets

PLACES = [Path("/var/run/secrets/millrace.dev")]
TIGER = "t!ger 4711/%lily"


def connection(**place):
    return {"sql": {"connection": place, "table": "sales"}}


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://reader:t%21ger%204711%2F%25lily@127.0.0.1:1/shop",
        "postgresql://reader@127.0.0.1:1/shop?password=t%21ger-4711-lily",
        "postgresql://reader:t!ger 4711@ho st/shop?nonsense=lily",
        "lily-4711 is no uri",
        "mysql://reader:tiger4711@db/lily",
    ],
)
def test_no_piece_of_a_secret_is_in_an_error(uri, pulled, monkeypatch):
    monkeypatch.setenv("SHOP_URI", uri)
    with pytest.raises(JobError) as refused:
        pulled(connection(env="SHOP_URI"))
    told = "".join(traceback.format_exception(refused.value)) + str(refused.value.problem().model_dump())
    for piece in ("4711", "lily", "tiger", "t!ger", "t%21ger"):
        assert piece not in told


def test_a_password_goes_with_its_uri_however_it_is_written(monkeypatch):
    from millrace_training.sources.databases import with_password

    assert with_password("postgresql://reader@db/shop", TIGER) == (
        "postgresql://reader:t%21ger%204711%2F%25lily@db/shop"
    )
    assert (
        with_password("postgresql://postgres:@/shop?host=/run", "a")
        == "postgresql://postgres:a@/shop?host=/run"
    )


def test_a_file_is_read_without_its_line_end(tmp_path):
    path = tmp_path / "secret"
    path.write_text(TIGER + "\n")
    secrets = Secrets(Source.model_validate(connection(file=str(path))))
    assert secrets.get("sql.connection") == TIGER
    assert secrets.clean(f"it is {TIGER}!") == "it is ***!"


@pytest.mark.parametrize(
    ("platform", "source"),
    [
        ("kubernetes", connection(env="HOME")),
        ("kubernetes", connection(file="/var/run/secrets/millrace.dev/token")),
        ("kubernetes", {"bucket": {"url": "file:///etc"}}),
        ("kubernetes", {"sql": {"uri": "sqlite:///data/shop.db", "table": "sales"}}),
        ("laptop", connection(secretRef={"name": "shop", "key": "uri"})),
    ],
)
def test_what_is_not_there_is_refused_when_it_is_asked_for(platform, source):
    new = JobNew(key="k", kind="look", spec={"source": source})
    with pytest.raises(BadInput):
        _check_secrets(platform, new, PLACES)
    other = "laptop" if platform == "kubernetes" else "kubernetes"
    _check_secrets(other, new, PLACES)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("gather", {"source": {"path": "/data/rows.csv"}}),
        ("gather", {"source": {"sql": {"uri": "sqlite:///data/shop.db", "table": "sales"}}}),
        ("score", {"sink": {"path": "/data/scored"}}),
        ("score", {"sink": {"bucket": {"url": "file:///data/scored"}}}),
        ("score", {"sink": {"sql": {"connection": {"env": "SHOP"}, "table": "scored"}}}),
    ],
)
def test_a_pod_scores_nothing_of_one_machine(kind, spec):
    new = JobNew(key="k", kind=kind, spec=spec)
    with pytest.raises(BadInput):
        _check_secrets("kubernetes", new, PLACES)
    _check_secrets("laptop", new, PLACES)


def test_on_one_machine_a_file_is_sent_as_a_secret_only_from_where_its_owner_keeps_secrets(tmp_path):
    places = [tmp_path / "secrets", tmp_path / "more"]
    for folder in (*places, tmp_path / "home"):
        folder.mkdir()
    (tmp_path / "home" / "id_ed25519").write_text("the owner's own key")
    (places[0] / "link").symlink_to(tmp_path / "home" / "id_ed25519")
    outside = (
        tmp_path / "home" / "id_ed25519", places[0] / ".." / "home" / "id_ed25519", places[0] / "link",
        "secrets/uri",
    )  # fmt: skip
    for path in outside:
        for kind, spec in (
            ("look", {"source": connection(file=str(path))}),
            ("score", {"sink": {"sql": {"connection": {"file": str(path)}, "table": "scored"}}}),
        ):
            with pytest.raises(BadInput, match="does not lie where secrets do") as refusal:
                _check_secrets("laptop", JobNew(key="k", kind=kind, spec=spec), places)
            assert str(places[0]) in refusal.value.errors[0].mend
    for folder in places:
        (folder / "uri").write_text(TIGER)
        new = JobNew(key="k", kind="look", spec={"source": connection(file=str(folder / "uri"))})
        _check_secrets("laptop", new, places)

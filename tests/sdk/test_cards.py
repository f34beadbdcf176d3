"""Cards and evidence packs: written from what services know, signed, read and checked without any platform."""

import base64
import json
import zipfile
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from millrace import archive, auditing, cards
from millrace.client import Millrace
from millrace.client.cards import gather
from millrace.evidence import FRAMEWORKS, pack
from millrace.evidence.clauses import KINDS, NEEDS
from millrace_contracts.audit import ArchiveStatement, AuditReport, fingerprint
from millrace_contracts.fairness import FairnessEvaluation, FairnessWindow
from millrace_contracts.loop import ModelLoop

from . import examples

METRIC = {"metric": "selection_rate", "rows": 900, "value": 0.3, "lower": 0.27, "upper": 0.33, "small": False}
GAP = {"difference": -0.2, "error": 0.02, "freedom": 27, "lower": -0.24, "upper": -0.16}
GROUPS = [
    {"attribute": "sex", "group": "m", "reference": True, "rows": 900, "blocks": 28, "metrics": [METRIC]},
    {"attribute": "sex", "group": "f", "reference": False, "rows": 500, "blocks": 28,
     "metrics": [METRIC | {"gap": GAP}]},
    {"attribute": "sex", "group": "x", "reference": False, "rows": 9, "blocks": 4,
     "metrics": [METRIC | {"small": True, "rows": 9}]},
]  # fmt: skip
EVALUATION = {
    "metrics": {"candidate": {"loss": 0.4, "auc": 0.8}, "champion": {"loss": 0.5}},
    "rows": 1409, "independent_rows": 1400,
    "blocks": [{"block": "2026-05-01", "n": 50, "candidate": 0.4, "champion": 0.5}],
    "slices": [{"column": "shop", "value": "S1|<b>", "n": 90, "candidate": 0.9, "champion": None}],
    "importance": [{"column": "price", "loss_added": 0.2}],
    "fairness": {"favourable": "yes", "minimum_rows": 100, "groups": GROUPS, "left_out": ["age: no such column"]},
}  # fmt: skip
DOCUMENT = {
    "apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop",
    "metadata": {"name": "shop", "annotations": {"millrace.dev/intended-use": "Loans up to 5,000"}},
    "spec": {"task": "binary", "target": "repaid", "data": {"dataset": "shop"}},
}  # fmt: skip
GIVEN = {"fairness": {"attributes": [{"column": "sex"}]}, "gates": {"approval": {}}}
LINEAGE = {
    "model": "shop", "version": 2, "digest": examples.DIGEST, "lineage": {}, "run": None,
    "data": [{"dataset": "shop", "version": 1, "digest": examples.DIGEST, "rows": 1409,
              "source": {"kind": "file", "name": "shop.csv", "digest": examples.DIGEST}}],
    "decisions": [examples.decision(number=7, recorded_at=examples.NOW, hash="h", previous="p", author="user:ada")],
    "champion": [],
}  # fmt: skip
MOVE = {
    "name": "champion", "number": 1, "version": 2, "previous": 1, "event_time": examples.NOW, "decision": None,
    "reason": "better", "actor": "user:ada", "recorded_at": examples.NOW,
}  # fmt: skip
KEY = Ed25519PrivateKey.generate()


def signed(body):
    asked = json.loads(body)
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    statement = ArchiveStatement(
        project="default", loop=asked["loop"], digest=asked["digest"], made_by="user:ada",
        at=datetime(2026, 5, 4, tzinfo=UTC), key=fingerprint(public),
    ).model_dump_json()  # fmt: skip
    return {
        "statement": statement, "signature": base64.b64encode(KEY.sign(statement.encode())).decode(),
        "public_key": base64.b64encode(public).decode(), "exported_at": None,
    }  # fmt: skip


@pytest.fixture
def known(fake):
    """Everything is known of version 2, the champion."""
    run = examples.run(
        number=3, version=2, verdict=examples.gates(),
        steps={"evaluate": {"state": "succeeded", "message": "", "job": "j1"}},
    )  # fmt: skip
    release = examples.version(task="binary", target="repaid", lineage={"loop_run": 3}, golden={"x": [1]})
    fake.answers |= {
        "GET /v1/models": (200, [{"name": "shop", "description": "", "latest": 2, "created_at": examples.NOW}]),
        "GET /v1/models/shop": (200, {"name": "shop", "description": "", "latest": 2, "created_at": examples.NOW}),
        "GET /v1/models/shop/aliases": (200, json.dumps([{"name": "champion", "version": 2}]).encode()),
        "GET /v1/models/shop/aliases/champion/history": (200, json.dumps([MOVE]).encode()),
        "GET /v1/models/shop/versions/1": (200, examples.version(number=1)),
        "GET /v1/models/shop/versions/2": (200, release),
        "GET /v1/lineage": (200, LINEAGE),
        "GET /v1/loops/shop": (200, examples.loop(document=DOCUMENT)),
        "GET /v1/loops/shop/runs": (200, [run]),
        "GET /v1/loops/shop/runs/3": (200, run),
        "GET /v1/jobs/j1": (200, examples.job(state="succeeded", kind="evaluate", result=EVALUATION)),
        "POST /v1/audit/archives": (200, signed),
    }  # fmt: skip
    return fake


def test_a_card_tells_what_is_known_and_what_is_not(known):
    told = gather(Millrace.from_environment(), "shop")
    assert told.release.number == 2
    assert told.release.golden == {}, "rows of data do not belong in a card"
    text = cards.markdown(told)
    for words in (
        "Loans up to 5,000", "Not for: Not said", "| auc | 0.8 | — |", "user:ada", "shop v1", "price",
        "sex = x: too few rows", "differs from the reference group by -0.2", "Not compared: age: no such column",
        "no finding of discrimination", "champion was", "2.2 times that of all rows",
    ):  # fmt: skip
        assert words.replace("_", "\\_") in text, words
    assert "S1\\|\\<b\\>" in text
    page = cards.html(told)
    assert "S1|&lt;b&gt;" in page
    assert not any(word in page for word in ("<script", "src=", "@import", "http://", "https://"))
    for word in ("is fair", "unfair"):
        assert word not in text


def test_what_is_not_kept_is_named_in_the_card(known):
    del known.answers["GET /v1/jobs/j1"]
    del known.answers["GET /v1/loops/shop"]
    told = gather(Millrace.from_environment(), "shop", 2)
    assert told.evaluation is None
    assert any("job is not kept" in words for words in told.unknown)
    assert any("no loop of this name" in words for words in told.unknown)
    assert "What it was judged by is not kept" in cards.markdown(told)


def test_a_version_judged_before_groups_were_declared_is_no_evidence_of_them(known):
    job = examples.job(state="succeeded", kind="evaluate", result=EVALUATION | {"fairness": None})
    known.answers["GET /v1/jobs/j1"] = (200, job)
    early = gather(Millrace.from_environment(), "shop", 2)
    compared = FairnessEvaluation.model_validate(EVALUATION["fairness"])
    live = FairnessWindow(since=None, until=None, days=9, fairness=compared)
    for card, kept, words in (
        (early, False, "no protected attributes were declared"),
        (early.model_copy(update={"evaluation": None}), False, "The evaluation is not kept. Nothing is known"),
        (early.model_copy(update={"live": live}), True, "In production, 9 closed days"),
    ):  # fmt: skip
        text = cards.markdown(card)
        assert words in text
        assert ("By sex" in text) == kept
        files = {"cards/2.md": text.encode(), "cards/2.html": cards.html(card).encode()}
        told = pack.matrix(FRAMEWORKS["nist-ai-rmf"], "shop", spec(**GIVEN), files)
        status = {item.clause: item.status for item in told.clauses}
        assert status["MEASURE 2.11"] == ("evidence" if kept else "nothing of the kind is recorded")


def test_a_card_is_written_signed_and_one_changed_letter_is_found(known, millrace, tmp_path):
    done = millrace("card", "shop", "--out", tmp_path / "shop-2")
    assert done.code == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "shop-2.html",
        "shop-2.md",
        "shop-2.signature.json",
    ]
    checked = millrace("audit", "check", tmp_path / "shop-2.html", "-o", "json")
    assert json.loads(checked.stdout)["signed"]["made_by"] == "user:ada"
    text = (tmp_path / "shop-2.md").read_text()
    (tmp_path / "shop-2.md").write_text(text.replace("0.8", "0.9"))
    changed = millrace("audit", "check", tmp_path / "shop-2.html")
    assert changed.code == 1
    assert "shop-2.md was changed" in changed.stderr
    (tmp_path / "shop-2.signature.json").unlink()
    alone = millrace("audit", "check", tmp_path / "shop-2.html")
    assert alone.code != 0
    assert "no signature beside it" in alone.stderr


def test_a_page_with_the_signature_of_another_card_beside_it_was_not_signed(known, millrace, tmp_path):
    assert millrace("card", "shop", "--out", tmp_path / "shop-2").code == 0
    (tmp_path / "better.html").write_text("<h1>It is never wrong</h1>")
    signature = (tmp_path / "shop-2.signature.json").read_text()
    (tmp_path / "better.signature.json").write_text(signature)
    checked = millrace("audit", "check", tmp_path / "better.html")
    assert checked.code == 1
    assert "better.html was not signed" in checked.stderr
    assert millrace("audit", "check", tmp_path / "shop-2.signature.json").code == 0


def test_a_card_that_nobody_may_sign_is_written_and_says_so(known, millrace, tmp_path):
    (tmp_path / "old.signature.json").write_text("{}")
    known.answers["POST /v1/audit/archives"] = (409, {"title": "No key", "status": 409, "detail": "no key"})
    done = millrace("card", "shop", "2", "--out", tmp_path / "old")
    assert done.code == 0
    assert "not signed" in done.stdout
    assert not (tmp_path / "old.signature.json").exists(), "an older signature is not left beside it"
    assert "# shop, version 2" in millrace("card", "shop", "2", "--show").stdout


def test_a_version_that_is_not_there_is_told(known, millrace):
    done = millrace("card", "shop", "9")
    assert done.code != 0
    assert "versions/9" in done.stderr


def sample(*names):
    return dict.fromkeys(names, b"something")


def spec(**more):
    return ModelLoop.model_validate(DOCUMENT | {"spec": DOCUMENT["spec"] | more}).spec


class TestFrameworks:
    def test_every_subcategory_and_control_stands_there_once(self):
        ids = {key: [clause.id for clause in item.clauses] for key, item in FRAMEWORKS.items()}
        assert all(len(set(found)) == len(found) for found in ids.values())
        parts = {
            name: sum(item.startswith(name) for item in ids["nist-ai-rmf"])
            for name in ("GOVERN", "MAP", "MEASURE", "MANAGE")
        }
        assert parts == {"GOVERN": 19, "MAP": 18, "MEASURE": 22, "MANAGE": 13}
        assert sum(item.startswith("A.") for item in ids["iso-42001"]) == 38
        articles = " ".join(ids["eu-ai-act"])
        for number in (9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 26, 27, 50, 72, 73, 86):
            assert f"Article {number}" in articles

    def test_what_speaks_to_a_clause_says_what_it_shows(self):
        for item in FRAMEWORKS.values():
            for clause in item.clauses:
                assert bool(clause.evidence) == bool(clause.shows), clause.id
                assert set(clause.evidence) <= KINDS.keys(), clause.id
                assert clause.needs in ("", *NEEDS), clause.id
                assert not clause.needs or clause.evidence, clause.id

    def test_a_clause_has_evidence_only_where_the_loop_declares_it_and_the_archive_holds_it(self):
        files = sample("cards/1.md", "loop.json") | {"alarms.jsonl": b"", "quarantine.jsonl": b"\n"}
        bare = pack.matrix(FRAMEWORKS["nist-ai-rmf"], "shop", spec(), files)
        by_id = {item.clause: item for item in bare.clauses}
        assert by_id["MEASURE 2.11"].status == "not declared by this loop"
        assert "spec.fairness" in by_id["MEASURE 2.11"].shows
        assert by_id["MEASURE 3.1"].status == "nothing of the kind is recorded", (
            "an empty file is no evidence"
        )
        assert by_id["GOVERN 1.1"].status == "organisational, not covered"
        assert by_id["MEASURE 2.9"].files == ["cards/1.md"]
        given = pack.matrix(FRAMEWORKS["nist-ai-rmf"], "shop", spec(**GIVEN), files)
        assert {item.clause: item for item in given.clauses}["MEASURE 2.11"].status == "evidence"

    def test_logs_that_are_kept_for_less_than_six_months_are_no_evidence(self):
        told = {
            logs: {
                item.clause: item.status
                for item in pack.matrix(
                    FRAMEWORKS["eu-ai-act"],
                    "shop",
                    spec(monitoring={"retention": {"logs": logs}}),
                    sample("loop.json"),
                ).clauses
            }["Article 19(1)"]
            for logs in ("90d", "184d")
        }
        assert told == {"90d": "not declared by this loop", "184d": "evidence"}

    def test_the_page_leads_into_the_archive_and_says_that_it_judges_nothing(self):
        page = pack.page(
            pack.matrix(FRAMEWORKS["iso-42001"], "shop", spec(), sample("cards/1.md", "loop.json"))
        )
        assert 'href="../cards/1.md"' in page
        assert "organisational, not covered" in page
        assert "does not say that the clause is met" in page


@pytest.fixture
def exported(known, millrace, tmp_path):
    known.answers |= {
        "GET /v1/decisions": (200, LINEAGE["decisions"]),
        "GET /v1/alarms": (200, []),
        "GET /v1/audit/heads": (200, b"[]"),
        "GET /v1/datasets": (200, [{"name": "shop", "description": "", "latest": 1, "created_at": examples.NOW}]),
        "GET /v1/datasets/shop/versions": (200, [examples.dataset_version()]),
        "GET /v1/datasets/shop/quarantine": (200, []),
        "GET /v1/monitors": (200, []),
    }  # fmt: skip
    report = AuditReport(
        ok=True, checked={}, findings=[], heads=0, heads_through=None, heads_from="a file", keys=[]
    )
    target = tmp_path / "pack.zip"
    archive.write(Millrace.from_environment(), "shop", report, target, frameworks=["eu-ai-act"])
    return target


def test_a_pack_links_clauses_to_its_own_files_and_is_checked_offline(exported, millrace, nowhere):
    opened = millrace("audit", "check", exported, "-o", "json")
    assert opened.code == 0, opened.stderr
    with zipfile.ZipFile(exported) as files:
        told = json.loads(files.read("compliance/eu-ai-act.json"))
        assert b"compliance/eu-ai-act.html" in files.read("index.html")
        names = set(files.namelist())
    assert {"cards/1.html", "cards/2.md", "data.jsonl"} <= names
    linked = {file for item in told["clauses"] for file in item["files"]}
    assert linked
    assert linked <= names


def test_a_link_that_leads_nowhere_is_found(exported, tmp_path):
    with zipfile.ZipFile(exported) as files:
        held = {name: files.read(name) for name in files.namelist()}
    del held["signature.json"], held["data.jsonl"]
    manifest = json.loads(held["manifest.json"])
    del manifest["files"]["data.jsonl"]
    held["manifest.json"] = json.dumps(manifest).encode()
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as files:
        for name, data in held.items():
            files.writestr(name, data)
    with pytest.raises(auditing.NotSigned, match=r"data\.jsonl, which is not there"):
        archive.read(bad)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_a_second_file_of_a_name_is_refused(exported):
    archive.read(exported)
    with zipfile.ZipFile(exported) as files:
        held = [(name, files.read(name)) for name in files.namelist()]
    with zipfile.ZipFile(exported, "w") as files:
        for name, data in [("index.html", b"all is well"), *held]:
            files.writestr(name, data)
    with pytest.raises(auditing.NotSigned, match="same name"):
        archive.read(exported)


def test_a_framework_that_there_is_not_is_refused_by_name(known, millrace):
    done = millrace("audit", "export", "shop", "--for", "soc2")
    assert done.code != 0
    assert "there is no framework 'soc2'" in done.stderr
    assert "eu-ai-act, nist-ai-rmf, iso-42001" in done.stderr

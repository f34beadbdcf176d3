"""People on one machine: accounts, passwords, sessions and tokens, which a restart of the platform keeps."""

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from millrace.accounts import Accounts, Refused, Unfit, passwords
from millrace.cli.main import app
from millrace.laptop import tokens
from millrace_contracts.accounts import RESERVED, Grant
from millrace_core.auth import Tokens

GOOD, OTHER = "mill wheels turn slowly", "rivers carry barley"
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts(tmp_path, clock):
    tokens.ensure(tmp_path)
    return Accounts(tmp_path, clock)


@pytest.fixture
def ada(accounts):
    return accounts.add("ada", [Grant(role="approver", project="shop")], GOOD)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Hashes that cost little; that they cost enough is the library's."""
    from argon2 import PasswordHasher

    made = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: made)
    passwords._nobodys.cache_clear()


def test_nobody_goes_by_the_name_of_a_part():
    assert set(tokens.ROLES) == RESERVED


def services(accounts):
    """Who is let in, as every service sees it."""
    return Tokens(accounts.folder / "tokens.json", None, accounts.path)


def test_a_file_that_could_not_be_read_once_lets_people_in_again(accounts, ada, monkeypatch):
    """A service that had no file descriptor left for a moment must not lock everybody out until the next change."""
    word, _ = accounts.begin(ada, "session", "console", HOUR)
    known, whole = services(accounts), Path.read_bytes

    def none_left(path):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", none_left)
    assert known.actor(word) is None
    monkeypatch.setattr(Path, "read_bytes", whole)
    assert known.actor(word).name == "ada"


def test_nothing_that_opens_stands_in_the_file(accounts, ada):
    word, _ = accounts.begin(ada, "session", "console", HOUR)
    kept = accounts.path.read_text()
    assert word not in kept
    assert GOOD not in kept
    assert "$argon2id$" in kept
    assert accounts.path.stat().st_mode & 0o077 == 0


def test_services_know_a_session_with_the_roles_of_its_account_until_it_ends(accounts, ada):
    word, made = accounts.begin(ada, "session", "console", HOUR)
    known = services(accounts)
    assert known.actor(word).given == (("shop", "approver"),)
    assert known.actor(word).name == "ada"
    accounts.give("ada", "viewer", None)
    assert known.actor(word).role == "viewer", "a role holds from the next request"
    accounts.end(lambda item: item.id == made.id)
    assert known.actor(word) is None


def test_what_has_ended_by_the_clock_opens_nothing(accounts, ada, clock):
    clock.now -= timedelta(days=2)
    word, _ = accounts.begin(ada, "token", "ci", timedelta(days=1))
    known = services(accounts)
    assert known.actor(word) is None
    assert known.stored().keys().isdisjoint({hashlib.sha256(word.encode()).hexdigest()})


def test_who_is_disabled_is_out_at_once_and_their_sessions_do_not_come_back(accounts, ada):
    session, _ = accounts.begin(ada, "session", "console", HOUR)
    token, _ = accounts.begin(ada, "token", "ci", HOUR)
    known = services(accounts)
    accounts.disable("ada")
    assert known.actor(session) is None
    assert known.actor(token) is None
    assert not accounts.stands(token)
    assert accounts.check("ada", GOOD) is None
    accounts.enable("ada")
    assert known.actor(session) is None
    assert known.actor(token).name == "ada"


def test_a_new_password_ends_every_session_and_the_old_one_opens_nothing(accounts, ada):
    session, _ = accounts.begin(ada, "session", "console", HOUR)
    accounts.set_password("ada", OTHER)
    assert services(accounts).actor(session) is None
    assert accounts.check("ada", GOOD) is None
    assert accounts.check("ADA", OTHER).name == "ada"


def test_who_was_checked_before_a_password_changed_gets_no_session_after_it(accounts, ada):
    checked = accounts.check("ada", GOOD)
    accounts.set_password("ada", OTHER)
    with pytest.raises(Refused, match="another password"):
        accounts.begin(checked, "session", "console", HOUR)


def test_an_unknown_name_costs_what_a_known_one_does(accounts, ada, monkeypatch):
    asked = []
    right = passwords._hasher().verify

    class Counted:
        def verify(self, kept, password):
            asked.append(kept.split("$")[3])
            return right(kept, password)

        def check_needs_rehash(self, kept):
            return False

    passwords._nobodys()
    monkeypatch.setattr(passwords, "_hasher", Counted)
    accounts.add("bob", [Grant(role="viewer")])
    for name in ("ada", "nobody", "bob"):
        assert accounts.check(name, "wrong wrong wrong") is None
    assert accounts.check("nobody", "") is None
    assert len(asked) == 4
    assert len(set(asked)) == 1


def test_a_hash_with_old_parameters_is_made_anew_when_its_owner_signs_in(accounts, ada):
    from argon2 import PasswordHasher

    people = accounts._read()
    people.accounts[0].password = old = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1).hash(GOOD)
    tokens.write(accounts.path, people.model_dump(mode="json"))
    session = accounts.begin(accounts.find("ada"), "session", "console", HOUR)[0]
    assert accounts.check("ada", GOOD)
    assert accounts.find("ada").password != old
    assert accounts.check("ada", GOOD)
    assert services(accounts).actor(session), "that is no change of the password"


@pytest.mark.parametrize(
    "password",
    ["short", "eleven char", "passwordpassword", "Password12345!", "ada2026ada2026", "aaaaaaaaaaaaaa",
     "123456789012345", "qwertyuiop123", "x" * 257, "null\x00 in a long one", "millrace-admin-1", "abcabcabcabcabc"],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_none(password):
    with pytest.raises(Unfit):
        passwords.check(password, "ada")


@pytest.mark.parametrize(
    "password",
    [GOOD, "correct horse battery stable", "пароль для мельницы", "k7Qv93hsPLw2", "mühle im regen", " four  words  ok"],
)  # fmt: skip
def test_no_kinds_of_characters_are_asked_for(password):
    passwords.check(password, "ada")


def test_one_password_however_a_keyboard_makes_it(accounts):
    accounts.add("eva", [Grant(role="viewer")], "mu\u0308hle im regen")
    assert accounts.check("eva", "m\u00fchle im regen")


@pytest.mark.parametrize("name", ["controller", "user", "ada", "ADA", "a@b", "team/x", "", "-a", "a" * 64])
def test_nobody_takes_a_name_that_is_taken_or_could_be_anothers(accounts, ada, name):
    with pytest.raises(Refused):
        accounts.add(name, [Grant(role="viewer")], GOOD)


def test_many_writers_lose_nothing(accounts, ada):
    def begin():
        for _ in range(5):
            Accounts(accounts.folder).begin(ada, "token", "ci", HOUR)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accounts.tokens("ada")) == 30


def test_a_file_that_cannot_be_read_lets_nobody_in_and_is_not_written_over(accounts, ada):
    word, _ = accounts.begin(ada, "token", "ci", HOUR)
    known = services(accounts)
    assert known.actor(word)
    accounts.path.write_text("{ broken")
    assert known.actor(word) is None
    with pytest.raises(Refused, match="cannot be read"):
        accounts.disable("ada")
    assert accounts.path.read_text() == "{ broken"


class TestOwner:
    """What is done with the owner's token is done by a person, and records name them."""

    def names(self, folder):
        return [item["name"] for item in json.loads((folder / "tokens.json").read_text())["tokens"]]

    def as_user(self, monkeypatch, name):
        monkeypatch.setattr(tokens.pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=name))

    def test_it_names_who_made_the_token_also_when_somebody_else_starts_it_later(self, tmp_path, monkeypatch):
        self.as_user(monkeypatch, "grace")
        made = tokens.ensure(tmp_path)["user"]
        self.as_user(monkeypatch, "ada")
        assert tokens.ensure(tmp_path)["user"] == made
        assert self.names(tmp_path)[0] == tokens.owner(tmp_path) == "grace"
        assert tokens.people(tmp_path) == [], "the owner's entry is no account to be taken over"
        assert Tokens(tmp_path / "tokens.json").actor(made).author == "user:grace"

    def test_older_records_of_the_user_are_the_owners_own(self, tmp_path, monkeypatch):
        """A loop that the owner declared before they had a name is no other person's: they do not approve it."""
        self.as_user(monkeypatch, "grace")
        found = Tokens(tmp_path / "tokens.json")
        known = found.actor(tokens.ensure(tmp_path)["user"]).known
        assert known.is_one_of(["user"], [])
        assert known.is_one_of(["Grace"], [])
        assert not known.is_one_of(["ada"], [])
        assert not found.actor(tokens.ensure(tmp_path)["registry"]).known.is_one_of(["user"], [])

    def test_a_home_of_an_earlier_version_gets_the_name_of_who_starts_it(self, tmp_path, monkeypatch):
        self.as_user(monkeypatch, "user")
        made = tokens.ensure(tmp_path)
        self.as_user(monkeypatch, "grace")
        assert tokens.ensure(tmp_path) == made
        assert self.names(tmp_path)[0] == "grace"

    @pytest.mark.parametrize("name", ["controller", "Grace Hopper", "", "x" * 65])
    def test_a_name_that_is_a_parts_or_can_not_be_shown_is_not_taken(self, tmp_path, monkeypatch, name):
        self.as_user(monkeypatch, name)
        tokens.ensure(tmp_path)
        assert self.names(tmp_path)[0] == "user"

    def test_a_machine_that_knows_no_name_says_user(self, tmp_path, monkeypatch):
        def nobody(uid):
            raise KeyError(uid)

        monkeypatch.setattr(tokens.pwd, "getpwuid", nobody)
        tokens.ensure(tmp_path)
        assert self.names(tmp_path)[0] == "user"


def test_people_of_an_older_version_keep_their_tokens(tmp_path):
    tokens.ensure(tmp_path)
    known = json.loads((tmp_path / "tokens.json").read_text())["tokens"]
    old = {
        "name": "Bob",
        "role": "operator",
        "project": "shop",
        "sha256": hashlib.sha256(b"old").hexdigest(),
    }
    tokens.write(tmp_path / "tokens.json", {"tokens": [*known, old]})
    accounts = Accounts(tmp_path)
    for _ in range(2):
        accounts.take_over(tokens.people(tmp_path))
    tokens.ensure(tmp_path)
    assert services(accounts).actor("old").given == (("shop", "operator"),)
    assert tokens.people(tmp_path) == []


@pytest.fixture
def millrace(tmp_path):
    """Run a command in a home; gives its result."""
    tokens.ensure(_made(tmp_path / "run"))

    def run(*arguments, typed=""):
        return CliRunner().invoke(app, list(arguments), env={"MILLRACE_HOME": str(tmp_path)}, input=typed)

    return run


def _made(folder: Path):
    folder.mkdir()
    return folder


def test_the_commands_make_change_and_end(millrace, tmp_path):
    def does(*arguments, typed="", code=0):
        done = millrace(*arguments, typed=typed)
        assert done.exit_code == code, done.output
        return done.stdout

    assert "has nobody" not in does("users", "list")
    does("users", "add", "ada", "--role", "approver", "--password-stdin", typed=f"{GOOD}\n")
    does("users", "role", "ada", "operator", "--only", "shop")
    does("users", "role", "ada", "viewer")
    shown = json.loads(does("users", "list", "-o", "json"))
    assert shown[0]["roles"] == "operator in shop, viewer everywhere"
    assert "argon2" not in json.dumps(shown)
    does("users", "role", "ada", "operator", "--only", "shop", "--take")
    word = does("tokens", "create", "ada", "--expires", "30d", "--label", "ci").strip()
    listed = does("tokens", "list", "ada", "-o", "json")
    assert hashlib.sha256(word.encode()).hexdigest() in listed or word not in listed
    known = Tokens(None, None, tmp_path / "run" / "accounts.json")
    assert known.actor(word).role == "viewer"
    does("tokens", "revoke", json.loads(listed)[0]["id"])
    assert known.actor(word) is None
    does("tokens", "revoke", "ada", code=1)
    accounts = Accounts(tmp_path / "run")
    accounts.begin(accounts.find("ada"), "session", "console", HOUR)
    assert len(json.loads(does("users", "sessions", "-o", "json"))) == 1
    does("users", "sessions", "--end", "00000000", code=1)
    does("users", "sessions", "ada", "--end-all")
    assert accounts.sessions() == []
    does("users", "password", "ada", "--password-stdin", typed=f"{OTHER}\n")
    does("users", "disable", "ada")
    assert "disabled" in does("users", "list")


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("users", "add", "ada", "--role", "boss", "--password-stdin"), GOOD, "is no role"),
        (("users", "add", "ada", "--role", "viewer", "--password-stdin"), "short", "needs 12"),
        (("users", "add", "ada", "--role", "viewer", "--password-stdin"), "", "has no password"),
        (("users", "add", "ada", "--role", "viewer"), GOOD, "--password-stdin"),
        (("users", "add", "Ada", "--role", "viewer", "--password-stdin"), GOOD, "cannot be a name"),
        (("users", "add", "ada", "--role", "viewer", "--only", "A b", "--password-stdin"), GOOD, "project's name"),
        (("users", "disable", "bob"), "", "nobody of the name bob"),
        (("tokens", "create", "bob"), "", "--role"),
        (("tokens", "create", "bob", "--role", "viewer", "--expires", "400d"), "", "within 366 days"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_to_do(millrace, arguments, typed, said):
    done = millrace(*arguments, typed=typed)
    assert done.exit_code == 1, done.output
    assert said in done.output

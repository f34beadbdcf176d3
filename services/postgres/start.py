"""PostgreSQL in a pod: under any uid, on a read-only root, with the databases the services need. Not for production.

`python start.py [option of postgres ...]`. On an empty volume it copies a ready-made empty cluster there, because
initdb refuses to run under a uid without a name. At every start it makes role, password and databases what the
environment says, in single-user mode, and then becomes PostgreSQL.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EMPTY = Path("/opt/millrace/postgres/empty")
RULES = Path(__file__).with_name("pg_hba.conf")
OPTIONS = {
    "listen_addresses": "*",
    "unix_socket_directories": "/tmp",  # noqa: S108 - an emptyDir of this pod
    "dynamic_shared_memory_type": "posix",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Refused(Exception):
    """PostgreSQL cannot be started like this; the text says why."""


def main(environment: Mapping[str, str], arguments: list[str]) -> None:
    """Prepare the data folder and become PostgreSQL. Raises: Refused."""
    data = Path(_given(environment, "PGDATA"))
    user, password = _given(environment, "POSTGRES_USER"), _given(environment, "POSTGRES_PASSWORD")
    databases = environment.get("MILLRACE_DATABASES", "").split()
    for name in (user, *databases):
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} is no name for a role or database")
    lay_out(data, EMPTY)
    make_true(data, user, password, databases)
    options = [f"--{name}={value}" for name, value in {**OPTIONS, "hba_file": str(RULES)}.items()]
    os.execvp("postgres", ["postgres", "-D", str(data), *options, *arguments])  # noqa: S606


def _given(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise Refused(f"{name} is not set")
    return value


def lay_out(data: Path, empty: Path) -> None:
    """Copy the *empty* cluster to *data* unless there is one; a copy that was interrupted is made again.

    Raises: Refused when another major version of PostgreSQL wrote *data*.
    """
    version = data / "PG_VERSION"
    if not version.exists():
        staged = data.with_name(data.name + ".staged")
        shutil.rmtree(staged, ignore_errors=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(empty, staged, symlinks=True)
        os.sync()
        staged.rename(data)
    if (found := version.read_text().strip()) != (ours := (empty / "PG_VERSION").read_text().strip()):
        raise Refused(f"{data} was written by PostgreSQL {found}, this is {ours}: dump and restore it")
    data.chmod(0o700)


def make_true(data: Path, user: str, password: str, databases: list[str]) -> None:
    """Role *user* with this *password*, owner of *databases*; what exists stays. Raises: Refused."""
    secret = password.replace("'", "''")
    found = _single_user(
        data,
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{user}') "
        f"THEN CREATE ROLE {user}; END IF; END $$;",
        f"ALTER ROLE {user} LOGIN PASSWORD '{secret}';",
        "SELECT datname FROM pg_database;",
    )
    existing = set(re.findall(r'datname = "([^"]*)"', found))
    missing = [name for name in databases if name not in existing]
    if missing:
        _single_user(data, *(f"CREATE DATABASE {name} OWNER {user};" for name in missing))


def _single_user(data: Path, *statements: str) -> str:
    """What PostgreSQL answers to *statements*, alone with its data; first it recovers from a crash, if need be."""
    command = [
        "postgres",
        "--single",
        "-D",
        str(data),
        "-c",
        "log_min_messages=fatal",
        "-c",
        "log_statement=none",
    ]
    command += [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    done = subprocess.run(
        [*command, "postgres"],
        input="\n".join(statements) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "ERROR:" in done.stderr:
        raise Refused(f"PostgreSQL does not start on {data}: {done.stderr.strip()[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    try:
        main(os.environ, sys.argv[1:])
    except Refused as error:
        sys.exit(f"PostgreSQL was not started: {error}")

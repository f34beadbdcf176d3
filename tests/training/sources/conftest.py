"""A real registry, real databases, and pulls run in this process."""

import uuid

import adbc_driver_postgresql.dbapi as postgresql
import pytest
import stamina

from millrace_contracts.pulls import PullSpec
from millrace_registry.main import RegistrySettings
from millrace_registry.main import build as build_registry
from millrace_training.rows import files
from millrace_training.runtime.assignment import JobIdentity
from millrace_training.runtime.context import Context
from millrace_training.runtime.trials import TrialStore
from millrace_training.sources import pull


@pytest.fixture(autouse=True)
def no_waiting():
    """Tries follow each other at once."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture
def client(home, background):
    from millrace.client import Millrace

    url, stop = background(build_registry(RegistrySettings(home=home)))
    yield Millrace({"registry": url}, "token-of-training")
    stop()


@pytest.fixture
def context(client, tmp_path):
    """`context()` makes what a job's code is given; each call is another job, the same name the same job again."""

    def make(name=None):
        scratch = tmp_path / f"job-{name or uuid.uuid4().hex}"
        scratch.mkdir(exist_ok=True)
        return Context(
            client=client,
            scratch=scratch,
            trials=TrialStore(scratch / "trials.db"),
            threads=1,
            job=JobIdentity("0" * 32, "k", "pull", None, None, 1),
            emit=lambda news: None,
            is_cancelled=lambda: False,
            make_executor=lambda name: None,
        )

    return make


@pytest.fixture
def pulled(context):
    """`pulled(source)` looks at a source once; returns what came of it."""

    def look(source, job=None, **roles):
        spec = {"dataset": "sales", "loop": "sales", "source": source, "target": "price"} | roles
        return pull.run(PullSpec.model_validate(spec), job or context())

    return look


@pytest.fixture
def rows(client):
    """`rows()` are those of the newest version."""

    def read():
        version = client.registry.dataset_version("sales")
        return files.from_parquet([client.registry.get_artifact(file.digest) for file in version.files])

    return read


@pytest.fixture
def database(database):
    """`database(sql)` runs statements in a database of the test's own; `database.uri` is where it is."""
    uri = database.replace("postgresql+asyncpg://", "postgresql://", 1)
    with postgresql.connect(uri, autocommit=True) as connection:

        def run(*statements):
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

        run.uri = uri
        yield run

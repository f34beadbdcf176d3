"""`pip install ./services/contracts ./services/sdk` gives users a client, and nothing of the platform."""

import pytest

from .installed import install, run


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return install(tmp_path_factory.mktemp("installed"))


def test_the_client_is_there_and_the_platform_is_not(programs):
    source = (
        "import importlib.util as found, millrace, millrace.aio, millrace.client, millrace_contracts.loop\n"
        "print(millrace.__file__, [name for name in ('millrace_core', 'fastapi', 'sqlalchemy', 'pyarrow', 'sklearn')"
        " if found.find_spec(name)])"
    )
    done = run(programs, "python", "-c", source)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(programs.parent))
    assert done.stdout.strip().endswith("[]")


def test_its_command_speaks(programs, tmp_path):
    assert run(programs, "millrace", "version").stdout.startswith("millrace 0.1.0")
    assert "rollback" in run(programs, "millrace", "--help").stdout
    nobody = run(programs, "millrace", "loops", "list", HOME=str(tmp_path), MILLRACE_HOME=str(tmp_path))
    assert nobody.returncode != 0
    assert "millrace up" in nobody.stderr
    assert "Traceback" not in nobody.stderr


def test_what_reads_tables_says_what_is_missing_and_how_to_get_it(programs, tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n")
    done = run(programs, "millrace", "init", "l", "--data", str(tmp_path / "rows.csv"), "--target", "y")
    assert done.returncode != 0
    assert "services/sdk[tables]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_with_its_extra_it_reads_tables(tmp_path):
    more = install(tmp_path, "tables")
    lines = "\n".join(f"{number},{number % 7}" for number in range(60))
    (tmp_path / "rows.csv").write_text(f"x,y\n{lines}\n")
    done = run(
        more,
        "millrace",
        "init",
        "l",
        "--data",
        str(tmp_path / "rows.csv"),
        "--target",
        "y",
        "--into",
        str(tmp_path),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "target: y" in (tmp_path / "l.yaml").read_text()

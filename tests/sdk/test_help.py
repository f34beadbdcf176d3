"""Every command explains itself with an example, and the list of commands comes at once."""

import subprocess
import sys

import pytest
import typer.main

from millrace.cli.main import app, main


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


EVERY = sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_the_help_of_a_command_shows_how_it_is_typed(millrace, words):
    shown = millrace(*words, "--help", env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.code == 0
    assert "Examples" in shown.stdout
    assert shown.stdout.count(f"millrace {' '.join(words)}") + shown.stdout.count("millrace --home") >= 1


def test_everything_a_newcomer_is_promised_is_there():
    promised = {"up", "down", "doctor", "init", "apply", "watch", "predict", "data push", "labels push", "explain",
                "rollback", "pause", "resume", "delete", "retrain", "backtest", "report", "version"}  # fmt: skip
    listed = ("loops", "runs", "models", "endpoints", "alarms", "decisions", "datasets", "jobs")
    promised |= {f"{name} {verb}" for name in listed for verb in ("list", "show")}
    assert promised <= {" ".join(words) for words in EVERY}


def test_help_loads_neither_the_network_nor_data_libraries():
    heavy = ("httpx", "pyarrow", "pydantic", "numpy", "yaml", "psutil")
    script = (
        "import sys; from millrace.cli.main import main; code = main(['--help']); "
        f"print([name for name in {heavy} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[] 0"
    assert "backtest" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"), [(["version"], 0), (["no-such-command"], 2), (["loops", "list", "-o", "xml"], 2)]
)
def test_main_returns_the_exit_code(arguments, code, capsys):
    assert main(arguments) == code
    capsys.readouterr()

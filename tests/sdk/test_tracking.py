"""MLflow's client is led to the platform that the other commands go to."""

import subprocess

from millrace.cli.main import main


def test_the_lines_for_a_shell_set_what_mlflows_client_reads(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "https://models.example/registry/")
    monkeypatch.setenv("MILLRACE_PROJECT", "team-a")
    (tmp_path / "token").write_text("a 'quoted' token\n")
    monkeypatch.setenv("MILLRACE_TOKEN_FILE", str(tmp_path / "token"))
    assert main(["mlflow"]) == 0
    script = capsys.readouterr().out + 'echo "$MLFLOW_TRACKING_URI|$MLFLOW_TRACKING_TOKEN|$MLFLOW_WORKSPACE"'
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "https://models.example/registry|a 'quoted' token|team-a\n"


def test_without_a_platform_it_is_said_how_to_start_one(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["mlflow"]) != 0
    assert "millrace up" in capsys.readouterr().err

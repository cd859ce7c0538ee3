"""What the shell is told of verbs, options and pipelines."""

import json
import subprocess

import pytest

from include.config import PROJECT_ROOT

COMMAND = PROJECT_ROOT / "driftgate"


@pytest.fixture(autouse=True)
def pipelines(tmp_path, monkeypatch):
    folder = tmp_path / "pipelines"
    folder.mkdir()
    for n, name in enumerate(("digits", "dials", "clothing")):
        stages = {"training": {"name": "A"}, "incoming": {"name": "B"}}
        fields = {"name": name, "stages": stages, "warehouse": {"schema": f"S{n}"}}
        (folder / f"{name}.yaml").write_text(json.dumps(fields), encoding="utf-8")
    (folder / "broken.yaml").write_text("name: [", encoding="utf-8")
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(folder))
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))


def completed(monkeypatch, line: str) -> list[str]:
    """Ask as bash does; a line that ends with a space is completed by a new word."""
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_DRIFTGATE_COMPLETE", "complete_bash")
    done = subprocess.run([COMMAND], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return sorted(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("./driftgate re", ["reproduce"]),
        ("./driftgate train di", ["dials", "digits"]),
        ("./driftgate status c", ["clothing"]),
        ("./driftgate history x", []),
        ("./driftgate labels digits e", ["export"]),
        ("./driftgate train digits --n", ["--n-epochs"]),
    ],
)
def test_what_bash_offers(monkeypatch, line, offered):
    assert completed(monkeypatch, line) == offered


def test_names_of_pipelines_need_nothing_heavy():
    code = (
        "import os, sys\n"
        "os.environ |= {'COMP_WORDS': 'driftgate train d', 'COMP_CWORD': '2', '_DRIFTGATE_COMPLETE': 'complete_bash'}\n"
        "import include.commands.app as a\n"
        "try: a.main([])\n"
        "except SystemExit: pass\n"
        "heavy = {'httpx', 'snowflake.connector', 'airflow', 'pandas', 'PIL', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    python = PROJECT_ROOT / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dials", "digits"]

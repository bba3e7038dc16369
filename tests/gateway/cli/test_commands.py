"""The command line as its users meet it: messages and exit statuses, never a traceback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, run
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store
from tests.config_folder import CANARY, SUPPLY, write_config

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.endswith(("_KEY", "_TOKEN"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MAIN_KEY", CANARY)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def command(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A process of its own, from an empty place."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_lists_every_command_that_is_there() -> None:
    started = time.perf_counter()
    done = command("--help")
    print(f"--help took {time.perf_counter() - started:.2f} s")
    assert done.returncode == 0
    for name in ("init", "check", "explain", "version"):
        assert f"  {name} " in done.stdout


def test_help_imports_no_command_and_nothing_heavy() -> None:
    text = (
        "import sys; from gateway.cli import run; run(['--help']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'pydantic', 'httpx2', 'fastapi', "
        "'yaml', 'cedarpy', 'rich', 'sqlite3'}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_with_json_and_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(COMMANDS[name].module)
    assert module.app is not None
    assert run([name, "--help"]) == 0
    assert f"switchgear {name}" in capsys.readouterr().out


def test_a_misspelt_command_is_answered_with_the_nearest(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["chek"]) == 2
    assert "Did you mean 'check'?" in capfd.readouterr().err


def test_a_defect_is_told_in_one_line_and_shown_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import gateway.cli\n"
        "gateway.cli.run = lambda arguments: 1 / len(arguments[9:])\n"
    )  # fmt: skip
    path = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = command("version", environment=path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "a defect of ours (ZeroDivisionError)" in done.stderr
    asked = command("version", environment={**path, "SWITCHGEAR_TRACEBACK": "1"})
    assert "Traceback" in asked.stderr


def test_init_then_check_in_an_empty_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--dir", "config", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert str(Path("config/supply.yaml")) in written["files"]
    assert run(["check"]) == 0
    assert "config can be served: " in capsys.readouterr().out


def test_init_twice_changes_nothing_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init"]) == 0
    assert run(["init"]) == 1
    assert "config is there already and nothing was changed" in capsys.readouterr().err


def test_init_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", CANARY)
    assert run(["init"]) == 0
    told = capsys.readouterr().out
    assert "found mistral (MISTRAL_API_KEY): mistral-small-latest" in told
    assert CANARY not in told


def test_check_names_init_where_there_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 1
    assert "switchgear init --config config" in capsys.readouterr().err


def test_check_tells_every_problem_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_config(tmp_path, supply=SUPPLY.replace("openai", "opnai").replace("8B", "'"))
    assert run(["check", "--config", str(folder), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {"file", "line", "key", "message", "remedy"} == set(told["problems"][0])


def test_check_sums_up_a_good_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_config(tmp_path, supply=SUPPLY + "  only: [qwen]\n")
    assert run(["check", "--config", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "2 accounts, 2 deployments, 2 routes, policy " in told
    assert "routes.only: has one source only" in told
    assert "\x1b" not in told
    assert CANARY not in told
    assert run(["check", "--config", str(folder), "--strict"]) == 3


def test_check_as_json_has_what_the_table_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--config", str(write_config(tmp_path)), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["routes"] == {"chat": [["gpt"], ["qwen"]]}
    assert "dpa" in told["deployments"]["gpt"]["unknown_facts"]
    assert told["accounts"]["main"]["credential"] == "env:MAIN_KEY"


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = run(["explain", "--config", "config", "--model", "chat", *arguments])
    caught = capsys.readouterr()
    return status, caught.out + caught.err


STATED = SUPPLY.replace(
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-8B\n    facts:\n      hosting: on_prem\n      processing: DE\n      storage: DE\n"
    "      evidence: [{source: our rack, as_of: 2026-11-24}]",
)


def test_explain_says_who_may_and_who_may_not_and_what_would_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(tmp_path, supply=STATED)
    status, told = explained(
        capsys, "--tenant", "acme", "--app", "web", "--floor", "internal", "--class", "restricted"
    )
    assert status == 3, "acme's rule asks for the owner's law, which nobody stated"
    status, told = explained(capsys, "--tenant", "default", "--floor", "restricted")
    assert status == 0
    # No claim about the vendor: what is publicly known of it expires.
    assert "gpt: refused by " in told
    assert "  restricted-sovereign: Restricted data: own hardware" in told
    assert 'would pass if ✗ resource.hosting == Hosting::"on_prem" (hosting: ' in told
    assert "qwen: permitted by" in told
    assert "may serve: qwen (policy " in told


def test_explain_takes_a_keys_floor_by_its_id_and_by_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(tmp_path, supply=STATED)
    store = Store(tmp_path / "data")
    store.prepare()
    grant = Grant(tenant="default", app="x", floor="confidential", tags=("trade_secret",))
    key_id, key = KeyStore(store).create(grant)
    for given in (key_id, key):
        status, told = explained(capsys, "--key", given, "--json")
        answer = json.loads(told)
        assert status == 0
        assert answer["labels"]["class"] == "confidential"
        assert answer["labels"]["tags"] == ["trade_secret"]
        assert [d["is_permitted"] for d in answer["deployments"]] == [False, True]
        assert key not in told
    KeyStore(store).revoke(key_id)
    status, told = explained(capsys, "--key", key)
    assert status == 1
    assert f"{key_id} is revoked" in told


def test_explain_asks_for_the_tenant_named_although_the_environment_has_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, supply=STATED)
    monkeypatch.setenv("SWITCHGEAR_KEY", "sg_of_another_store")
    status, told = explained(capsys, "--tenant", "acme", "--app", "web", "--floor", "internal")
    assert status in (0, 3)
    assert "chat: acme/web, internal" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--tenant", "default", "--floor", "secret"), "class `secret`", id="class"),
        pytest.param(
            ("--tenant", "default", "--floor", "public", "--tags", "personel"),
            "did you mean `personal`?",
            id="tag",
        ),
        pytest.param(
            ("--tenant", "acne", "--floor", "public"), "`acne` is not in tenants.yaml", id="tenant"
        ),
        pytest.param((), "say whose request it is", id="nobody"),
        pytest.param(("--key", "key_1"), "there is no", id="no such key"),
    ],
)
def test_explain_names_what_is_not_there(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    write_config(tmp_path)
    Store(tmp_path / "data").prepare()
    status, told = explained(capsys, *arguments)
    assert status == 1
    assert message in told


def test_explain_names_the_nearest_route(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_config(tmp_path))
    arguments = ["--model", "chta", "--tenant", "default", "--floor", "public"]
    assert run(["explain", "--config", folder, *arguments]) == 1
    assert "there is no route `chta` (did you mean `chat`?)" in capsys.readouterr().err

"""The set-up script and its locks."""

import re
import subprocess
from pathlib import Path

import pytest

HERE = Path("deploy/vllm")
LOCKS = [HERE / "requirements.lock", HERE / "smollm2.lock", HERE / "minilm.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_pins_all_by_hash_and_names_no_index(lock: Path) -> None:
    text = re.sub(r"#.*", "", lock.read_text()).replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if line.strip()]
    assert wanted
    assert all(re.match(r"\S+==\S+ +--hash=sha256:[0-9a-f]{64}", line) for line in wanted)
    assert "://" not in lock.read_text()


def test_running_it_again_changes_nothing() -> None:
    before = stamps()
    done = install("smollm2", "tiny", "minilm")
    assert (done.returncode, done.stderr) == (0, "")
    assert stamps() == before


def test_model_that_it_cannot_make_is_named_beside_those_it_can() -> None:
    done = install("smollm3")
    assert done.returncode == 1
    assert done.stderr == ("vllm: no model is called smollm3; there are smollm2, minilm, tiny\n")


def test_wrong_interpreter_is_told_with_the_remedy(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    copy = tmp_path / "checkout"
    (copy / HERE).mkdir(parents=True)
    for file in HERE.iterdir():
        if file.is_file():
            (copy / HERE / file.name).write_bytes(file.read_bytes())
    (copy / HERE / "install.sh").chmod(0o755)
    done = subprocess.run(
        [copy / HERE / "install.sh"], env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "needs Python 3.11 to 3.14; name one: PYTHON=" in done.stderr


def install(*models: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([HERE / "install.sh", *models], capture_output=True, text=True)


def stamps() -> dict[str, float]:
    """When the venv and the models were last written to."""
    looked = [Path(".venv-vllm/.installed"), *Path(".cache/vllm/models").rglob("*")]
    return {str(path): path.stat().st_mtime for path in looked}

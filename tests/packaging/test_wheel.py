"""`pip install .` gives the command `switchgear`, with all data files and nothing of the tests."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.practice import load_faults

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "policies", "providers")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip builds it.  The build backend comes from a package index."""
    folder = tmp_path_factory.mktemp("wheel")
    built = _run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(folder), str(ROOT)]
    )
    if built.returncode and "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("no package index gives the build backend, hatchling")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("switchgear-*.whl"))


@pytest.fixture(scope="module")
def switchgear(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a venv that has the wheel, and of this one its dependencies alone."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "bin" / "python"
    _check([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    site = Path(_check([str(python), "-c", "import sysconfig as s; print(s.get_path('purelib'))"]))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    _check(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps",
         "--no-index", "--quiet", str(wheel)]
    )  # fmt: skip
    return folder / "bin" / "switchgear"


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    listed = _check(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", *PACKAGES])
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == set(listed.splitlines())


@pytest.mark.parametrize(
    "part",
    [
        "policies/catalogue/openai.yaml",
        "policies/packs/starter/schema.cedarschema",
        "policies/packs/starter/20-sovereignty.cedar",
        "gateway/practice/faults/openai.yaml",
        "gateway/cli/demo_folder/supply.yaml",
        "gateway/store/migrations/",
    ],
)
def test_the_wheel_holds_the_data(wheel: Path, part: str) -> None:
    assert any(name.startswith(part) for name in zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_the_licence_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.partition("/")[0] in ("tests", "docs", "loadtests")]


def test_the_command_knows_its_version(switchgear: Path, tmp_path: Path) -> None:
    assert _check([str(switchgear), "version"], tmp_path).strip() == "0.1.0"


def test_the_command_comes_from_the_wheel(switchgear: Path, tmp_path: Path) -> None:
    python = switchgear.with_name("python")
    place = _check([str(python), "-c", "import gateway; print(gateway.__file__)"], tmp_path)
    assert place.startswith(str(switchgear.parents[1]))


def test_the_installed_command_finds_its_data(switchgear: Path, tmp_path: Path) -> None:
    _check([str(switchgear), "init"], tmp_path)
    assert (tmp_path / "config" / "policies" / "20-sovereignty.cedar").exists()
    faults = _check([str(switchgear), "practice", "faults"], tmp_path).splitlines()
    assert len(faults) == len(load_faults())


def test_the_installed_command_makes_a_key(switchgear: Path, tmp_path: Path) -> None:
    line = "key create --tenant default --app a --floor internal".split()
    assert _check([str(switchgear), *line], tmp_path).startswith("sg_")


def _run(command: Sequence[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    kept.pop("PYTHONPATH", None)
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=100
    )


def _check(command: Sequence[str], folder: Path | None = None) -> str:
    ended = _run(command, folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip() if command[0] != "git" else ended.stdout

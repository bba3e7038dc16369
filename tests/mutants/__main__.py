"""Plants each fault in a copy of the tree and looks which test turns red; `make mutants`.

Exits with 1 if any fault survives, or if a test is red without one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from tests.mutants.planted import MUTANTS, Mutant

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("gateway", "providers", "policies", "tests", "pyproject.toml")
LIMIT_S: Final = 240  # of one run; a fault that hangs its tests is found by their own limits
TEST_LIMIT_S: Final = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the tests went: `red` is the first that failed, empty when none did."""

    red: str
    trouble: str  # why the run says nothing; empty when it does
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at the same time")
    options = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if options.only in mutant.name]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.jobs):
            copies.put(copy_tree(Path(folder) / str(number)))
        copy = copies.get()
        healthy = run_tests(copy, sorted({test for m in mutants for test in m.tests}))
        copies.put(copy)
        if healthy.red or healthy.trouble:
            print(f"red without any fault: {healthy.red or healthy.trouble}", file=sys.stderr)
            return 1
        seconds = f"{healthy.seconds:.0f} s"
        print(f"{len(mutants)} faults; their tests are green without them ({seconds})")
        print("| fault | file | what | killed by | s |\n|---|---|---|---|---|", flush=True)

        def work(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                run = try_one(mutant, copy)
            finally:
                copies.put(copy)
            print(describe(mutant, run), flush=True)
            return bool(run.red)

        with ThreadPoolExecutor(options.jobs) as pool:
            killed = sum(pool.map(work, mutants))
    print(f"\n{killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1


def copy_tree(target: Path) -> Path:
    """What the tests need, without anything compiled."""
    target.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, target / name)
    return target


def try_one(mutant: Mutant, copy: Path) -> Run:
    """Plant, test, and take it out again."""
    before = {edit.file: (copy / edit.file).read_text("utf-8") for edit in mutant.edits}
    try:
        for edit in mutant.edits:
            file = copy / edit.file
            text = file.read_text("utf-8")
            if text.count(edit.old) != 1:
                return Run(red="", trouble=f"stands not once in {edit.file}", seconds=0.0)
            file.write_text(text.replace(edit.old, edit.new), "utf-8")
        return run_tests(copy, list(mutant.tests))
    finally:
        for name, text in before.items():
            (copy / name).write_text(text, "utf-8")


def run_tests(copy: Path, tests: list[str]) -> Run:
    """The tests in the copy, until the first is red."""
    began = time.monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    # Compiled files are found by time and size of the source, and an edit may keep both.
    environment["PYTHONPYCACHEPREFIX"] = str(copy / "compiled")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-rfE"]
    try:
        done = subprocess.run(
            [*command, "-o", f"timeout={TEST_LIMIT_S}", *tests],
            cwd=copy, env=environment, capture_output=True, text=True, timeout=LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Run(red="", trouble=f"no end within {LIMIT_S} s", seconds=float(LIMIT_S))
    seconds = time.monotonic() - began
    red = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if done.returncode == 0 or (done.returncode == 1 and red):
        return Run(red=red[0].removeprefix("FAILED ") if red else "", trouble="", seconds=seconds)
    last = done.stdout.strip().splitlines()[-1:] or done.stderr.strip().splitlines()[-1:]
    return Run(red="", trouble=f"pytest ended with {done.returncode}: {last}", seconds=seconds)


def describe(mutant: Mutant, run: Run) -> str:
    """One row of the table."""
    files = ", ".join(dict.fromkeys(edit.file for edit in mutant.edits))
    by = run.red.rpartition("/")[2] if "::" not in run.red else run.red.split("::", 1)[1]
    verdict = by or f"SURVIVED {run.trouble}".strip()
    return f"| {mutant.name} | {files} | {mutant.what} | {verdict} | {run.seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(main())

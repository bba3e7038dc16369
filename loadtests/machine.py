"""What a figure was measured on: without it no figure means anything."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from loadtests.processes import Cores, find_tool

_LIBRARIES: Final = ("uvicorn", "uvloop", "httptools", "msgspec", "starlette")


def describe(cores: Cores) -> Iterator[tuple[str, str]]:
    """Name and value of each fact.  Raises MissingToolError."""
    yield "processor", f"{_processor()}, {os.cpu_count()} logical"
    yield "cores used", f"measured: {cores.measured}; load and mock: {cores.load}"
    yield "load average at the start", " ".join(f"{load:.2f}" for load in os.getloadavg())
    yield "kernel", f"{platform.system()} {platform.release()}"
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "libraries", ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield "nginx", _said([find_tool("nginx"), "-v"])
    yield "wrk", _said([find_tool("wrk"), "-v"])
    yield "commit", _said(["git", "rev-parse", "--short", "HEAD"])
    if cores.measured == cores.load:
        yield "caution", "one core only: load and what is measured disturb each other"


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine() or sys.platform


def _said(argv: list[str]) -> str:
    try:
        run = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    lines = (run.stdout + run.stderr).strip().splitlines()
    return re.sub(r"\s*Copyright.*", "", lines[0]) if lines else "unknown"

"""Runs the blocks of a page against a real demo, as a reader would: one shell, in order."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.fenced import ROOT, Block

MARK = "\x1e"  # a line of its own between the outputs
READY_S = 20
RUNNABLE = ("sh run", "sh serve", "python run")
RUN_S = 90


@contextmanager
def running_demo(folder: Path) -> Iterator[str]:
    """What `make run` starts, on free ports, in `folder`; what it printed."""
    (folder / ".venv").symlink_to(sys.prefix)
    command = [
        sys.executable, "-m", "gateway", "demo", "--free-ports",
        "--data-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
    ]  # fmt: skip
    demo = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = demo.stdout.readline()
            assert line, f"the demo ended early:\n{printed}"
            printed += line
        yield printed
    finally:
        demo.terminate()
        demo.communicate(timeout=READY_S)


def environment() -> dict[str, str]:
    """Nothing of the developer's own: a vendor's key in it would change what is found."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }


def run_page(blocks: list[Block], folder: Path, printed: str) -> dict[int, str]:
    """Run all runnable blocks; what each printed, by its line in the page."""
    runnable = [block for block in blocks if block.info in RUNNABLE]
    parts = []
    for block in runnable:
        parts += [f"printf '{MARK}\\n'", _script(_here(block, printed), block.info)]
    script = "\n".join(parts)
    ports = {"SWITCHGEAR_DATA_LISTEN": "127.0.0.1:0", "SWITCHGEAR_ADMIN_LISTEN": "127.0.0.1:0"}
    control = re.findall(r"--control (\S+)", printed)[0]
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment() | ports | {"SWITCHGEAR_PRACTICE_CONTROL": control},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=RUN_S,
        text=True,
        check=False,
    )
    outputs = ended.stdout.split(f"{MARK}\n")[1:]
    assert len(outputs) == len(runnable), ended.stdout
    return {block.line: text for block, text in zip(runnable, outputs, strict=True)}


def _here(block: Block, printed: str) -> str:
    """The block's text with this demo's addresses and key in place of the usual ones."""
    key = re.findall(r"sg_\w+", printed)[0]
    data, admin = (
        re.findall(pattern, printed)[0]
        for pattern in (r"(127\.0\.0\.1:\d+)/v1", r"(127\.0\.0\.1:\d+)/metrics")
    )
    text = block.text.replace("127.0.0.1:8080", data).replace("127.0.0.1:8081", admin)
    # `switchgear reload` has the usual address as its default.
    text = text.replace("switchgear reload", f"switchgear reload --admin http://{admin}")
    return text.replace("sg_...", key)


def _script(text: str, info: str) -> str:
    if info == "python run":
        return f".venv/bin/python -c {shlex.quote(text)}"
    if info == "sh serve":
        # `exec`, so that what is ended is the gateway and not a shell before it.
        served = text.replace("switchgear ", "exec .venv/bin/python -m gateway ", 1)
        return (
            f"({served}) > serve.out 2>&1 & serving=$!\n"
            "for turn in $(seq 100); do grep -q ^serving serve.out && break; sleep 0.1; done\n"
            "kill $serving; wait $serving; cat serve.out"
        )
    return text

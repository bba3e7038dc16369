"""Closed-loop load by wrk: one thread, so many connections, each with one request under way."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.parties import PATH, Target
from loadtests.processes import find_tool

_SCRIPT: Final = """\
local file = io.open(os.getenv("BODY"), "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
done = function(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one window of load brought."""

    requests: int  # completed
    seconds: float
    failed: int  # other status than 200, or the connection failed
    p50_ms: float
    p99_ms: float


def press(
    target: Target, request: bytes, *, connections: int, seconds: int, core: int, root: Path
) -> Load:
    """Send `request` again and again.  Raises MissingToolError, RuntimeError."""
    script, file = root / "post.lua", root / "request.json"
    script.write_text(_SCRIPT)
    file.write_bytes(request)
    argv = [find_tool("taskset"), "-c", str(core), find_tool("wrk"), "-t1", f"-c{connections}",
            f"-d{seconds}s", "--timeout", "20s", "-s", str(script),
            f"http://127.0.0.1:{target.port}{PATH}"]  # fmt: skip
    env = {"BODY": str(file), "KEY": target.key}
    run = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=seconds + 60)
    lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise RuntimeError(f"wrk told nothing: {run.stdout[-300:]}{run.stderr[-300:]}")
    requests, micros, bad, lost, p50, p99 = map(int, lines[0].split()[1:])
    return Load(
        requests=requests,
        seconds=micros / 1e6,
        failed=bad + lost,
        p50_ms=p50 / 1e3,
        p99_ms=p99 / 1e3,
    )

"""The three that take part: the mock vendor, the gateway as it is served, and nginx as the floor.

nginx does what no gateway can do for less: it reads a request, passes it to the same mock over
kept connections, and passes the answer back unbuffered.  It does not authenticate, parse, judge
or write anything down.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.folder import Folder, write_folder
from loadtests.http import ask
from loadtests.processes import PYTHON, Cores, Process, find_tool
from loadtests.workload import body

PATH: Final = "/v1/chat/completions"
START_S: Final = 30.0

_NGINX: Final = """\
worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/nginx.err;
{user}
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_max_body_size 50m; client_body_buffer_size 1m;
  keepalive_requests 100000000;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
  fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  upstream mock {{ server {mock}; keepalive 2048; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer sk-upstream";
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that requests can be sent to."""

    name: str
    process: Process
    port: int
    key: str
    admin_port: int = 0
    folder: Folder | None = None
    first_answer_s: float = 0.0  # from the start of the process


@contextlib.contextmanager
def serve_mock(root: Path, cores: Cores) -> Iterator[int]:
    """The mock; its port."""
    with Process([PYTHON, "-m", "loadtests.mock"], cores.load, root / "mock.err") as process:
        yield int(process.read_line())


@contextlib.contextmanager
def serve_gateway(
    root: Path,
    cores: Cores,
    mock_port: int,
    *,
    wide: int = 0,
    rules: int = 0,
    adaptor: str = "asgi",
    name: str = "gateway",
) -> Iterator[Target]:
    """The gateway on a fresh config folder and an empty ledger, with one key."""
    root.mkdir(parents=True, exist_ok=True)
    mock = f"http://127.0.0.1:{mock_port}"
    folder = write_folder(root, mock, wide=wide, rules=rules, adaptor=adaptor)
    key = _make_key(folder)
    argv = [PYTHON, "-m", "gateway", "serve", "--config", str(folder.config), "--json"]
    with Process(argv, cores.measured, root / "gateway.err") as process:
        addresses = json.loads(process.read_line())
        port, admin_port = (_port(addresses[plane]) for plane in ("data", "admin"))
        status, text = ask(port, PATH, body("bench"), key)
        if status != 200:
            raise RuntimeError(f"the gateway's first answer is a {status}: {text[:300]!r}")
        yield Target(
            name=name,
            process=process,
            port=port,
            key=key,
            admin_port=admin_port,
            folder=folder,
            first_answer_s=time.monotonic() - process.began,
        )


@contextlib.contextmanager
def serve_nginx(root: Path, cores: Cores, mock_port: int) -> Iterator[Target]:
    """nginx in front of the mock.  Raises MissingToolError."""
    root.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    config = root / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    mock = f"127.0.0.1:{mock_port}"
    config.write_text(_NGINX.format(root=root, port=port, mock=mock, user=user))
    argv = [find_tool("nginx"), "-p", str(root), "-c", str(config)]
    with Process(argv, cores.measured, root / "nginx.out") as process:
        while True:
            with contextlib.suppress(ConnectionError):
                if ask(port, PATH, body("bench"), "none")[0] == 200:
                    break
            if time.monotonic() - process.began > START_S:
                raise RuntimeError(f"nginx does not answer; see {root}/nginx.err")
            time.sleep(0.005)
        first = time.monotonic() - process.began
        yield Target(name="nginx", process=process, port=port, key="none", first_answer_s=first)


def _make_key(folder: Folder) -> str:
    argv = [PYTHON, "-m", "gateway", "key", "create", "--tenant", "default", "--app", "load",
            "--floor", "internal", "--data-dir", str(folder.data), "--json"]  # fmt: skip
    made = subprocess.run(argv, check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])

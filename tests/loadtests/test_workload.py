"""The load's own parts: a bench that measures refusals would measure something else."""

from pathlib import Path

import pytest

from gateway.config.load import load
from loadtests.folder import write_folder
from loadtests.mock import _chat_events, _chat_reply, _dump, _message_events
from loadtests.workload import MODELS, body, branched_body
from providers import registry
from providers.contract import Dialect, Verdict
from providers.translate.choices import ChoicesStream, ChoicesWhole


def _read(model: str, text: bytes) -> Verdict:
    reader = ChoicesStream(expected=1, strips_usage=True)
    reader.feed(text)
    return reader.verdict()


@pytest.mark.parametrize("model", MODELS)
def test_streams_of_the_mock_are_whole_answers(model: str) -> None:
    assert _read(model, b"".join(_chat_events(model))).delivers


def test_a_stream_without_its_terminal_reason_would_not_pass() -> None:
    events = _chat_events("bench")
    assert not _read("bench", b"".join([*events[:-3], *events[-2:]])).delivers


def test_whole_answers_of_the_mock_are_delivered() -> None:
    verdict, _ = ChoicesWhole(expected=1).read(_dump(_chat_reply("bench", "text")))
    assert verdict.delivers


def test_messages_of_the_mock_end_as_anthropic_ends_them() -> None:
    assert _message_events("bench")[-1].startswith(b"event: message_stop\n")


@pytest.mark.parametrize("size_bytes", [1_000, 100_000])
def test_requests_have_exactly_the_size_that_the_table_names(size_bytes: int) -> None:
    assert len(body("bench", size_bytes=size_bytes)) == size_bytes


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param(body("bench", size_bytes=9_999, sentence="Ещё один день. "), id="not ascii"),
        pytest.param(branched_body("bench", size_bytes=50_000, text="[{" * 70), id="brackets"),
        pytest.param(body("bench-paced", is_stream=True), id="stream"),
    ],
)
def test_requests_are_such_as_a_client_may_send(request_body: bytes) -> None:
    read = registry.dialect(Dialect.OPENAI_CHAT).read(request_body)
    assert read.model in MODELS


def test_the_folder_loads_with_as_many_rules_and_deployments_as_asked_for(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, "http://127.0.0.1:9", wide=30, rules=20)
    loaded = load(folder.config)
    assert len(loaded.catalog.routes["wide"].tiers[0]) == 30
    assert sum(p.read_text().count("\n@id(") for p in folder.config.rglob("*.cedar")) == 20

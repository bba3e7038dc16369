"""What Prometheus reads: its text parses, its labels are the config's, a scrape never fails."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.metrics import Metrics
from providers.contract import Kind
from tests.core_rig import DONE, SSE, STOP, TEXT, Core, chat, deployment


def scrape(metrics: Metrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def value(text: str, name: str, **labels: str) -> float:
    found = [v for n, had, v in samples(text) if n == name and labels.items() <= had.items()]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return found[0]


def storm() -> Core:
    """A little of everything."""
    core = Core(["a"], ["b"])
    core.ask()
    core.serve("a")
    core.ask()
    core.call("a").head(500).body(b"{}").end()
    core.serve("b")
    core.ask(is_stream=True)
    call = core.call("a").head(200, SSE).body(TEXT)
    core.loop.advance(0.5)
    call.body(STOP + DONE).end()
    core.ask(chat(model="CANARY"))
    core.ask(b"CANARY")
    core.ask(chat(user="CANARY"), headers=[(b"authorization", b"Bearer good"),
                                           (b"x-switchgear-tags", b"CANARY")])  # fmt: skip
    core.check_at_rest()
    return core


def test_each_exchange_and_attempt_is_counted_once() -> None:
    text = scrape(storm().metrics)
    ok = value(text, "switchgear_exchanges_total", route="chat", outcome="ok")
    assert ok == 3
    assert value(text, "switchgear_attempts_total", deployment="a", kind="ok") == 2
    assert value(text, "switchgear_attempts_total", deployment="a", kind="upstream_fault") == 1
    assert value(text, "switchgear_attempts_total", deployment="b", kind="ok") == 1
    assert value(text, "switchgear_supply_events_total", kind="upstream_fault") == 1
    duration = "gen_ai_server_request_duration_seconds_count"
    assert value(text, duration, deployment="a") + value(text, duration, deployment="b") == ok
    tokens = "gen_ai_client_token_usage_sum"
    assert value(text, tokens, deployment="a", gen_ai_token_type="input") == 5
    assert value(text, "switchgear_overhead_seconds_count") == 3


def test_nothing_that_a_client_said_is_a_label() -> None:
    text = scrape(storm().metrics)
    assert "CANARY" not in text
    refused = value(text, "switchgear_exchanges_total", route="", outcome="unknown_model")
    assert refused == 1


def test_refusal_counts_every_policy_in_the_way() -> None:
    core = Core([deployment("a")], facts={"a": {"trains": True}})
    _, sink = core.ask()
    assert sink.status == 403
    named = [labels["policy"] for name, labels, _ in samples(scrape(core.metrics))
             if name == "switchgear_policy_refusals_total"]  # fmt: skip
    assert named and len(named) == len(set(named))
    assert all(policy in sink.json["error"]["message"] for policy in named)


def test_scrape_in_a_thread_survives_series_that_appear_meanwhile() -> None:
    metrics = Metrics()
    made = deployment("a")
    stopping = threading.Event()
    failures: list[Exception] = []

    def scrape_on() -> None:
        while not stopping.is_set():
            try:
                list(metrics.collect())
            except RuntimeError as error:
                failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=scrape_on)
    thread.start()
    try:
        for number in range(3_000):
            metrics.events[made.name, str(number), Kind.THROTTLED] = 1
            metrics.attempts[made.name, str(number), Kind.THROTTLED] = 1
    finally:
        stopping.set()
        thread.join()
        sys.setswitchinterval(before)
    assert not failures


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_to_object_to() -> None:
    text = scrape(storm().metrics)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stderr + checked.stdout

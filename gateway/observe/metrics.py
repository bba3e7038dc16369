"""Plain accumulators that a Prometheus collector reads when somebody scrapes.

prometheus-client's own children cost 2.4 us a request and four times that with several
processes; a dictionary and a list cost 0.15.  Names: the OpenTelemetry `gen_ai` family
unchanged (github.com/open-telemetry/semantic-conventions-genai, read 2026-11-24), `switchgear_`
for what has no standard name.  Label values come from the config and from closed sets only:
nothing that a client or a vendor says can make a new series.
"""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from gateway.catalog import Deployment
from gateway.exchange import Attempt, Exchange
from gateway.observe.histogram import Histogram
from providers.contract import Dialect, Kind, Usage

# The boundaries that the conventions give for durations, first tokens and token counts.
DURATION_S: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
FIRST_TOKEN_S: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    30.0, 60.0,
)  # fmt: skip
TOKENS: Final = tuple(float(4**power) for power in range(14))
OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1.0)

_OPERATIONS: Final = {
    Dialect.OPENAI_CHAT: "chat",
    Dialect.OPENAI_COMPLETIONS: "text_completion",
    Dialect.OPENAI_EMBEDDINGS: "embeddings",
    Dialect.OPENAI_RESPONSES: "chat",
    Dialect.ANTHROPIC_MESSAGES: "chat",
}


class Served(Protocol):
    """The part of a candidate that metrics name."""

    @property
    def deployment(self) -> Deployment: ...


class _Series:
    """What is counted for one (operation, route, deployment)."""

    __slots__ = ("duration", "first_token", "input_tokens", "output_tokens", "per_token")

    def __init__(self) -> None:
        self.duration = Histogram(DURATION_S)
        self.first_token = Histogram(FIRST_TOKEN_S)
        self.per_token = Histogram(FIRST_TOKEN_S)
        self.input_tokens = Histogram(TOKENS)
        self.output_tokens = Histogram(TOKENS)


Key = tuple[str, ...]


class Metrics:
    """Register it with a CollectorRegistry.  `extra` collects what others count themselves."""

    def __init__(self) -> None:
        self.exchanges: dict[Key, int] = {}  # route, class, outcome
        self.attempts: dict[Key, int] = {}  # deployment, vendor, kind
        self.events: dict[Key, int] = {}  # deployment, account, kind
        self.refusals: dict[Key, int] = {}  # policy
        self.overhead = Histogram(OVERHEAD_S)
        self.extra: list[Callable[[], Iterator[Metric]]] = []
        self._served: dict[Key, tuple[Key, _Series]] = {}

    def exchange(
        self,
        exchange: Exchange,
        outcome: str,
        served: Served | None,
        usage: Usage | None,
        now: float,
    ) -> None:
        """An exchange was settled.  `served` is the last candidate that was tried."""
        key = (exchange.route_name, exchange.labels.klass, outcome)
        self.exchanges[key] = self.exchanges.get(key, 0) + 1
        if exchange.sent_at:
            self.overhead.observe(exchange.sent_at - exchange.read_at)
        if served is None:
            return
        series = self._find(exchange, served.deployment)
        series.duration.observe(now - exchange.began)
        if usage is not None:
            if usage.prompt_tokens is not None:
                series.input_tokens.observe(usage.prompt_tokens)
            if usage.completion_tokens is not None:
                series.output_tokens.observe(usage.completion_tokens)

    def attempt(
        self, exchange: Exchange, deployment: Deployment, kind: Kind, attempt: Attempt,
        usage: Usage | None, now: float,
    ) -> None:  # fmt: skip
        """An attempt was settled."""
        vendor = deployment.account.vendor.name
        key = (deployment.name, vendor, kind)
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if attempt.first_token_at:
            series = self._find(exchange, deployment)
            series.first_token.observe(attempt.first_token_at - attempt.sent_at)
            tokens = usage.completion_tokens if usage else None
            if tokens is not None and tokens > 1:
                series.per_token.observe((now - attempt.first_token_at) / (tokens - 1))

    def supply_event(self, deployment: Deployment, kind: Kind) -> None:
        """Something happened at a vendor that an operator should be able to count."""
        key = (deployment.name, deployment.account.name, kind)
        self.events[key] = self.events.get(key, 0) + 1

    def policy_refusal(self, policies: tuple[str, ...]) -> None:
        """A request was refused; each policy that stood in the way is counted."""
        for policy in policies:
            self.refusals[(policy,)] = self.refusals.get((policy,), 0) + 1

    def collect(self) -> Iterator[Metric]:
        """For prometheus-client, in a thread of its own while the loop goes on counting."""
        yield from self._gen_ai()
        for name, text, labels, counts in (
            ("exchanges", "Client requests, by how they ended", _EXCHANGE, self.exchanges),
            ("attempts", "Tries against a deployment", ["deployment", "vendor", "kind"],
             self.attempts),
            ("supply_events", "Trouble at the supply", ["deployment", "account", "kind"],
             self.events),
            ("policy_refusals", "Requests with no permitted route, by the policies in the way",
             ["policy"], self.refusals),
        ):  # fmt: skip
            family = CounterMetricFamily(f"switchgear_{name}", text, labels=labels)
            for key, count in counts.copy().items():  # at once: the loop adds series
                family.add_metric(key, count)
            yield family
        overhead = HistogramMetricFamily(
            "switchgear_overhead_seconds", "From the request's arrival to the first byte sent on"
        )
        overhead.add_metric([], self.overhead.cumulative(), self.overhead.total)
        yield overhead
        for collect in self.extra:
            yield from collect()

    def _find(self, exchange: Exchange, deployment: Deployment) -> _Series:
        dialect = exchange.client.dialect
        key = (dialect, exchange.route_name, deployment.name)
        found = self._served.get(key)
        if found is None:
            labels = (
                _OPERATIONS[dialect],
                deployment.account.vendor.name,
                exchange.route_name,
                deployment.target.model,
                deployment.name,
            )
            found = self._served[key] = labels, _Series()
        return found[1]

    def _gen_ai(self) -> Iterator[Metric]:
        families = {
            name: HistogramMetricFamily(f"gen_ai_{name}", text, labels=_GEN_AI)
            for name, text in _HISTOGRAMS.items()
        }
        usage = HistogramMetricFamily(
            "gen_ai_client_token_usage",
            "Tokens per request",
            labels=[*_GEN_AI, "gen_ai_token_type"],
        )
        for labels, series in self._served.copy().values():
            for name, histogram in (
                ("server_request_duration_seconds", series.duration),
                ("server_time_to_first_token_seconds", series.first_token),
                ("server_time_per_output_token_seconds", series.per_token),
            ):
                families[name].add_metric(labels, histogram.cumulative(), histogram.total)
            for kind, tokens in (("input", series.input_tokens), ("output", series.output_tokens)):
                usage.add_metric([*labels, kind], tokens.cumulative(), tokens.total)
        yield from families.values()
        yield usage


_EXCHANGE: Final = ["route", "class", "outcome"]
_GEN_AI: Final = [
    "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
    "gen_ai_response_model", "deployment",
]  # fmt: skip
_HISTOGRAMS: Final = {
    "server_request_duration_seconds": "A client request, whole",
    "server_time_to_first_token_seconds": "From sending an attempt to its first content",
    "server_time_per_output_token_seconds": "Between tokens after the first",
}

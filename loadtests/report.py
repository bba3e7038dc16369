"""The page that a run writes: docs/reference/performance.md."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Final

from loadtests.window import Case, Window
from loadtests.workload import ANTHROPIC_WRITTEN_EVENTS, EVENTS, WRITTEN_EVENTS

Results = dict[tuple[str, str], list[Window]]
"""Case and target -> its windows, one a round, in their order."""

FAST: Final = "gateway, fast"  # the target behind the fast adaptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """PSS in MB of a process tree."""

    at_rest_mb: float
    open_mb: float
    streams: int

    @property
    def per_thousand_mb(self) -> float:
        """What a thousand open streams add."""
        return (self.open_mb - self.at_rest_mb) * 1_000 / self.streams


def render(
    cases: Sequence[Case],
    results: Results,
    memory: Mapping[str, Memory],
    memory_after_mb: float,
    starts: Sequence[float],
    facts: Sequence[tuple[str, str]],
    options: argparse.Namespace,
) -> str:
    """The whole page."""
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    failed = sum(window.failed for windows in results.values() for window in windows)
    lines = [
        "# What a request costs",
        "",
        "Written by `make bench`; do not edit. "
        f"{day}, {options.rounds} rounds of {options.seconds} s windows.",
        *([f"**{options.note}**"] if options.note else []),
        "",
        *_cpu_table(cases, results),
        "",
        f"Failed requests: {failed}.",
        "",
        *(_fast_table(cases, results, memory) if FAST in memory else ()),
        *_translation(cases, results),
        *_other(memory, memory_after_mb, starts),
        "",
        *_pace_table(cases, results),
        "",
        "## Measured on",
        "",
        *(f"- {name}: {value}" for name, value in facts),
        "",
        _METHOD.strip(),
        "",
    ]
    return "\n".join(lines)


def _cpu_table(cases: Sequence[Case], results: Results) -> Iterator[str]:
    yield "CPU microseconds per request, of a stream per whole stream; median (min–max)."
    yield ""
    yield "| request | nginx | gateway | of it the loop | times nginx | aim |"
    yield "|---|---|---|---|---|---|"
    for case in cases:
        floor, ours = results.get((case.name, "nginx"), []), results[case.name, "gateway"]
        ratios = [ours.cpu_us / low.cpu_us for ours, low in zip(ours, floor, strict=False)]
        aim = f"≤ {case.aim:g}" if case.aim else ""
        yield (
            f"| {case.name} | {_spread([w.cpu_us for w in floor], _whole)} "
            f"| {_spread([w.cpu_us for w in ours], _whole)} "
            f"| {_spread([w.loop_us for w in ours], _whole)} "
            f"| {_spread(ratios, _tenth)} | {aim} |"
        )


def _fast_table(
    cases: Sequence[Case], results: Results, memory: Mapping[str, Memory]
) -> Iterator[str]:
    yield "The same with `listen.data.adaptor: fast`, in the same rounds."
    yield ""
    yield "| request | fast | times nginx | times ASGI |"
    yield "|---|---|---|---|"
    for case in cases:
        cells = [_spread([w.cpu_us for w in results[case.name, FAST]], _whole)]
        for name in ("nginx", "gateway"):
            pairs = zip(results[case.name, FAST], results.get((case.name, name), []), strict=False)
            cells.append(_spread([a.cpu_us / b.cpu_us for a, b in pairs], _hundredth))
        yield f"| {case.name} | {' | '.join(cells)} |"
    yield ""
    ours, asgi = memory[FAST], memory["gateway"]
    yield (
        f"Per 1,000 open streams {ours.per_thousand_mb:.1f} MB, over ASGI "
        f"{asgi.per_thousand_mb:.1f}; at rest {ours.at_rest_mb:.0f} and {asgi.at_rest_mb:.0f}."
    )
    yield ""


def _translation(cases: Sequence[Case], results: Results) -> Iterator[str]:
    """What another dialect upstream costs, per event that the upstream sent."""
    for case in cases:
        if not case.is_translated:
            continue
        plain = case.name.replace(", from Anthropic", "")
        if (plain, "gateway") not in results:
            continue
        pairs = zip(results[case.name, "gateway"], results[plain, "gateway"], strict=True)
        ratios = [
            (ours.cpu_us / ANTHROPIC_WRITTEN_EVENTS) / (identity.cpu_us / WRITTEN_EVENTS)
            for ours, identity in pairs
        ]
        yield f"{case.name}: {_spread(ratios, _hundredth)} times identity per event (aim ≤ 2)."
        yield ""


def _other(
    memory: Mapping[str, Memory], memory_after_mb: float, starts: Sequence[float]
) -> Iterator[str]:
    ours, floor = memory["gateway"], memory["nginx"]
    yield "| | nginx | gateway | aim |"
    yield "|---|---|---|---|"
    yield f"| at rest, MB (PSS) | {floor.at_rest_mb:.0f} | {ours.at_rest_mb:.0f} | ≤ 70 |"
    yield (
        f"| per 1,000 open streams, MB | {floor.per_thousand_mb:.1f} "
        f"| {ours.per_thousand_mb:.1f} | ≤ 20 |"
    )
    yield f"| after the whole run, MB | | {memory_after_mb:.0f} | |"
    yield f"| start to first answer, s | | {_spread(starts, _hundredth)} | ≤ 1 |"


def _pace_table(cases: Sequence[Case], results: Results) -> Iterator[str]:
    yield "Requests (streams) a second, and milliseconds to the last byte, medians of the rounds."
    yield "The load generator shares its core with the mock: rates are lower bounds."
    yield ""
    yield "| request | nginx /s | gateway /s | nginx p50 / p99 | gateway p50 / p99 |"
    yield "|---|---|---|---|---|"
    for case in cases:
        cells = [results.get((case.name, name), []) for name in ("nginx", "gateway")]
        rates = " | ".join(_middle([w.per_second for w in c], _whole) for c in cells)
        waits = " | ".join(
            f"{_middle([w.p50_ms for w in c], _tenth)} / {_middle([w.p99_ms for w in c], _tenth)}"
            for c in cells
        )
        yield f"| {case.name} | {rates} | {waits} |"


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    if not values:
        return "–"
    return f"{show(median(values))} ({show(min(values))}–{show(max(values))})"


def _middle(values: Sequence[float], show: Callable[[float], str]) -> str:
    return show(median(values)) if values else "–"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _tenth(value: float) -> str:
    return f"{value:.1f}"


def _hundredth(value: float) -> str:
    return f"{value:.2f}"


_METHOD = f"""
## How

- nginx is the floor: it passes the same requests to the same mock over kept connections, without
  buffering, and neither authenticates nor reads nor writes anything. The gateway is
  `python -m gateway serve` with everything on, under its raw ASGI adaptor.
- CPU is what the scheduler counted (`/proc/*/task/*/schedstat`) for the process tree with all its
  threads, from before the load until the ledger's archive has every row; the loop is the main
  thread alone. Both targets sit on one core, load generator (wrk, one thread) and mock on another.
- A round measures each case at both targets, one after the other, the order reversed every round.
  Compare ratios: absolute figures of one machine differ by a factor of two between hours.
- A stream has {EVENTS} events with text, a usage event and `[DONE]`. A window that ends inside
  streams counts them by the events that the mock wrote.
- The client does not ask for the usage event, so the gateway does, and strips it.
- A request counts as failed for any status but 200, for a lost connection, and for an exchange
  that ended otherwise than well in the gateway's own metrics.
"""

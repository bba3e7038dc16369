"""Measure the gateway against nginx: `python -m loadtests.bench`.

Both run in the same rounds, the order reversed every time, because absolute figures move by a
factor of two with what else the machine does and ratios within a round move far less.  The gateway
is the real one, `python -m gateway serve`, with everything on: keys, policy, journal, archive,
metrics, lag monitor.  Nothing here is asserted but that no request failed.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from loadtests.machine import describe
from loadtests.parties import Target, serve_gateway, serve_mock, serve_nginx
from loadtests.processes import Cores, MissingToolError, find_cores, find_tool
from loadtests.report import FAST, Memory, Results, render
from loadtests.streams import close_streams, open_streams
from loadtests.window import Case, check, measure
from loadtests.workload import body

CONCURRENCIES: Final = (1, 16, 64)
PACED_TIMES: Final = 3  # a paced stream takes a second: its window is so many times longer
STARTS: Final = 3


def build_cases(concurrencies: Sequence[int] = CONCURRENCIES) -> Iterator[Case]:
    """Every row of the table."""
    for connections in concurrencies:
        yield Case(title="1 KB", model="bench", connections=connections,
                   aim=6.0 if connections == 16 else None)  # fmt: skip
    for connections in concurrencies:
        yield Case(title="100 KB", model="bench", size_bytes=100_000, connections=connections,
                   aim=5.0 if connections == 16 else None)  # fmt: skip
    for title, model, aim in (
        ("stream, no gap", "bench", None),
        ("stream, 5 ms", "bench-paced", 2.5),
    ):
        for connections in concurrencies:
            yield Case(title=title, model=model, is_stream=True, connections=connections,
                       aim=aim if connections == 16 else None)  # fmt: skip
        yield Case(title=f"{title}, from Anthropic", model=model, is_stream=True,
                   connections=concurrencies[-1 if len(concurrencies) < 2 else 1],
                   is_translated=True)  # fmt: skip


def run_rounds(
    targets: Sequence[Target], cases: Sequence[Case], options: argparse.Namespace, mock_port: int
) -> Results:
    """Every case against every target in every round."""
    results: Results = {}
    cores: Cores = options.cores
    for number in range(options.rounds):
        for case in cases:
            order = [t for t in targets if t.admin_port or not case.is_translated]
            for target in order if number % 2 == 0 else order[::-1]:
                is_paced = case.model == "bench-paced"
                window = measure(
                    target,
                    case,
                    seconds=options.seconds * (PACED_TIMES if is_paced else 1),
                    core=cores.load,
                    mock_port=mock_port,
                    root=options.root,
                )
                results.setdefault((case.name, target.name), []).append(window)
                _tell(f"round {number + 1}: {case.name}: {target.name} {window.cpu_us:.0f} us")
    return results


async def weigh(target: Target, streams: int) -> Memory:
    """Memory at rest, and with so many streams open that bring an event each second."""
    at_rest_mb = target.process.pss_mb()
    readers = await open_streams(target, body("bench-slow", is_stream=True), streams)
    await asyncio.sleep(2.0)
    open_mb = target.process.pss_mb()
    close_streams(readers)
    await asyncio.sleep(0.5)
    return Memory(at_rest_mb=at_rest_mb, open_mb=open_mb, streams=streams)


def time_starts(options: argparse.Namespace, mock_port: int) -> list[float]:
    """Seconds from the start of the process to its first answer; the first start is left out,
    since it may have to compile modules."""
    found = []
    for number in range(options.starts + 1):
        root = options.root / f"start-{number}"
        with serve_gateway(root, options.cores, mock_port) as gateway:
            found.append(gateway.first_answer_s)
    return found[1:]


def main() -> int:
    """Run it all; exit status 1 when something is missing or a request failed."""
    options = _read_options()
    try:
        for tool in ("nginx", "wrk", "taskset"):
            find_tool(tool)
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 1
    facts = list(describe(options.cores))
    with tempfile.TemporaryDirectory(prefix="switchgear-bench-") as folder, ExitStack() as stack:
        options.root = Path(folder)
        mock_port = stack.enter_context(serve_mock(options.root, options.cores))
        starts = time_starts(options, mock_port)
        gateway = stack.enter_context(
            serve_gateway(options.root / "gateway", options.cores, mock_port)
        )
        nginx = stack.enter_context(serve_nginx(options.root / "nginx", options.cores, mock_port))
        targets = [nginx, gateway]
        if options.fast:
            fast = serve_gateway(
                options.root / "fast", options.cores, mock_port, adaptor="fast", name=FAST
            )
            targets.append(stack.enter_context(fast))
        cases = [c for c in build_cases(options.concurrency) if options.only in c.name]
        for case in cases:
            for target in targets:
                if target.admin_port or not case.is_translated:
                    check(target, case)
        memory = {t.name: asyncio.run(weigh(t, options.streams)) for t in targets}
        results = run_rounds(targets, cases, options, mock_port)
        memory_after_mb = gateway.process.pss_mb()
    text = render(cases, results, memory, memory_after_mb, starts, facts, options)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text)
        _tell(f"written to {options.out}")
    failed = sum(window.failed for windows in results.values() for window in windows)
    _tell(f"first answer {median(starts):.2f} s; failed requests {failed}")
    return 1 if failed else 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each window; paced ones longer")
    parser.add_argument("--concurrency", type=int, nargs="+", default=list(CONCURRENCIES))
    parser.add_argument("--only", default="", help="part of the names of the cases to run")
    parser.add_argument("--streams", type=int, default=1_000, help="open for the memory figure")
    parser.add_argument("--starts", type=int, default=STARTS, help="starts that are timed")
    parser.add_argument("--fast", action="store_true", help="the fast adaptor as well")
    parser.add_argument("--note", default="", help="a sentence for the head of the table")
    parser.add_argument("--out", type=Path, help="file to write; default: print")
    options = parser.parse_args()
    options.cores = find_cores()
    return options


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Prints what policy costs; judges nothing.  `python -m tests.policies.bench_policy`

200 deployments and 50 rules: how long a build takes, how long a build in a thread keeps the event
loop from waking, what one Cedar decision costs, and what the table's look-up costs.
"""

import threading
import time
import timeit
from dataclasses import replace

from policies import Hop, Policy
from tests.policies.starter_pack import OWN, RULES, build, make_labels

DEPLOYMENTS = 200
RULES_WANTED = 50
_EXTRA = """
@id("extra-{number}")
@reason("one of many")
forbid (principal in Tenant::"acme", action, resource)
when {{
  context.tags.contains(DataTag::"trade_secret") &&
  resource.operator.law.may_touch.contains(Zone::"CN")
}}
unless {{
  (resource.processing.within in Zone::"EU" && resource.handling.retention_days <= {number}) ||
  resource.hosting == Hosting::"own_cloud"
}};
"""
FLEET = [
    replace(OWN, id=f"d{number}", law=None if number % 3 else "US") for number in range(DEPLOYMENTS)
]
MANY = {
    **RULES,
    "95-extra.cedar": "".join(
        _EXTRA.format(number=number)
        for number in range(RULES_WANTED - sum(text.count("\n@id(") for text in RULES.values()))
    ),
}


def main() -> None:
    policy, build_s = _time_build()
    print(f"{len(policy.engine.facts)} deployments, {len(policy.engine.rules)} rules")
    print(f"build on the main thread: {build_s * 1e3:.0f} ms")
    delays = sorted(delay for _ in range(5) for delay in _measure_wake_delays_s())
    print(
        "build in a thread, delay of a loop that wakes every 0.5 ms (5 builds): "
        f"median {delays[len(delays) // 2] * 1e3:.2f} ms, "
        f"99 % {delays[int(len(delays) * 0.99)] * 1e3:.1f} ms, worst {delays[-1] * 1e3:.1f} ms"
    )
    _print_decisions(policy)


def _time_build() -> tuple[Policy, float]:
    build(FLEET, MANY)
    begun = time.perf_counter()
    policy = build(FLEET, MANY)
    return policy, time.perf_counter() - begun


def _measure_wake_delays_s() -> list[float]:
    """How late a sleeper wakes while a build runs beside it."""
    pause_s = 0.0005
    builder = threading.Thread(target=build, args=(FLEET, MANY))
    delays = []
    builder.start()
    while builder.is_alive():
        begun = time.perf_counter()
        time.sleep(pause_s)
        delays.append(time.perf_counter() - begun - pause_s)
    builder.join()
    return delays


def _print_decisions(policy: Policy) -> None:
    labels = make_labels(**{"tenant": "acme", "app": "web", "class": "confidential"})
    key = policy.vocabulary.canonical(labels)
    ids = list(policy.engine.facts)
    for size in (1, 20):
        each_s = _time(lambda size=size: policy.engine.decide_many(key, ids[:size], Hop.INFER), 50)
        print(f"Cedar, {size} at a time: {each_s / size * 1e6:.0f} µs a decision")
    while policy.table.fill(key, ids, Hop.INFER):
        pass
    print(
        f"table.permits: {_time(lambda: policy.table.permits(key, 'd7', Hop.INFER)) * 1e9:.0f} ns"
    )
    print(
        "table.missing, 3 ids: "
        f"{_time(lambda: policy.table.missing(key, ids[:3], Hop.INFER)) * 1e9:.0f} ns"
    )
    print(
        f"vocabulary.canonical: {_time(lambda: policy.vocabulary.canonical(labels)) * 1e9:.0f} ns"
    )


def _time(call: object, rounds: int = 50_000) -> float:
    assert callable(call)
    return timeit.timeit(call, number=rounds) / rounds


if __name__ == "__main__":
    main()

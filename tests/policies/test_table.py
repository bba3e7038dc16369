"""The table holds decisions, bounded, and permits nothing that it does not hold."""

from policies import DecisionTable, Hop
from tests.policies.starter_pack import build, make_labels, read_fleet

POLICY = build(read_fleet())
IDS = list(POLICY.engine.facts)
KEY = POLICY.vocabulary.canonical(make_labels(**{"class": "confidential"}))


PERMIT_ALL = '@id("all") @reason("all") permit (principal, action, resource);'


def _table(rows_max: int = 10) -> DecisionTable:
    return DecisionTable(POLICY.engine, rows_max=rows_max)


def test_an_absent_entry_is_never_a_permit() -> None:
    table = _table()

    assert not table.permits(KEY, "own-qwen", Hop.INFER)
    assert table.look_up(KEY, "own-qwen", Hop.INFER) is None
    table.fill(KEY, ["own-qwen"], Hop.INFER)
    assert table.permits(KEY, "own-qwen", Hop.INFER)
    assert not table.permits(KEY, "own-qwen", Hop.MIRROR)
    assert not table.permits(KEY._replace(klass="internal"), "own-qwen", Hop.INFER)
    assert not table.permits(KEY, "own-cloud", Hop.INFER)


def test_filled_entries_are_what_the_engine_says() -> None:
    table = _table()

    assert table.fill(KEY, IDS, Hop.INFER) == 0

    held = [table.look_up(KEY, id, Hop.INFER) for id in IDS]
    assert held == POLICY.engine.decide_many(KEY, IDS, Hop.INFER)
    assert {table.permits(KEY, id, Hop.INFER) for id in IDS} == {True, False}


def test_filling_goes_in_portions_until_nothing_is_missing() -> None:
    table = _table()
    left = [table.fill(KEY, IDS, Hop.INFER, at_most=6) for _ in range(3)]

    assert left == [len(IDS) - 6, len(IDS) - 12, 0]
    assert table.missing(KEY, IDS, Hop.INFER) == []


def test_missing_ids_keep_their_order() -> None:
    table = _table()
    table.fill(KEY, IDS[3:5], Hop.INFER)

    assert table.missing(KEY, IDS, Hop.INFER) == IDS[:3] + IDS[5:]


def test_a_table_of_many_deployments_fills_twenty_at_a_time() -> None:
    many = [f"ghost-{number}" for number in range(50)]
    table = _table()

    assert table.fill(KEY, many, Hop.INFER) == 30


def test_the_row_cleared_longest_ago_goes_first() -> None:
    table = _table(rows_max=2)
    first, second, third = (
        KEY._replace(klass=klass) for klass in ("public", "internal", "confidential")
    )
    table.fill(first, ["own-qwen"], Hop.INFER)
    table.fill(second, ["own-qwen"], Hop.INFER)

    table.missing(first, ["own-qwen"], Hop.INFER)
    table.fill(third, ["own-qwen"], Hop.INFER)

    assert len(table) == 2
    assert [table.permits(labels, "own-qwen", Hop.INFER) for labels in (first, second, third)] == [
        True,
        False,
        True,
    ]


def test_deciding_looks_up_or_asks_once() -> None:
    table = _table()

    decision = table.decide(KEY, "own-qwen", Hop.INFER)

    assert decision.is_permitted
    assert table.decide(KEY, "own-qwen", Hop.INFER) is decision
    assert table.decide(KEY, "ghost", Hop.INFER).policies == ("unknown-deployment",)


def test_a_loosened_policy_has_a_table_of_its_own() -> None:
    loosened = build(read_fleet(), {"a.cedar": PERMIT_ALL})
    labels = loosened.vocabulary.canonical(make_labels(**{"class": "restricted"}))

    assert loosened.table.decide(labels, "deepseek", Hop.INFER).is_permitted
    assert not POLICY.table.decide(labels, "deepseek", Hop.INFER).is_permitted

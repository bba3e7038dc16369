"""Every decision once: the table that the hot path reads instead of asking Cedar.

A row holds the decisions for one set of canonical labels and one hop kind.  What is not in the
table is not permitted.  Rows are filled at most 20 decisions at a time, because Cedar holds the
GIL, and the least recently cleared row goes when there are too many: canonical labels are few, so
that needs a client with thousands of label combinations.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from policies.engine import Decision, PolicyEngine
from policies.labels import Hop, Labels

ROWS_MAX: Final = 10_000
FILL_MAX: Final = 20


class DecisionTable:
    """Decisions of one engine.  Not for several threads: the event loop owns it."""

    def __init__(self, engine: PolicyEngine, rows_max: int = ROWS_MAX) -> None:
        self._engine = engine
        self._rows_max = rows_max
        self._rows: OrderedDict[tuple[Labels, Hop], dict[str, Decision]] = OrderedDict()
        self._interned: dict[Decision, Decision] = {}

    def __len__(self) -> int:
        """Rows held, at most `rows_max`."""
        return len(self._rows)

    def permits(self, labels: Labels, deployment_id: str, hop: Hop) -> bool:
        """The hot look-up; `labels` as `canonical` gives them.  False for what is not filled."""
        row = self._rows.get((labels, hop))
        if row is None:
            return False
        decision = row.get(deployment_id)
        return decision is not None and decision.is_permitted

    def look_up(self, labels: Labels, deployment_id: str, hop: Hop) -> Decision | None:
        """The whole decision; None for what is not filled."""
        row = self._rows.get((labels, hop))
        return None if row is None else row.get(deployment_id)

    def decide(self, labels: Labels, deployment_id: str, hop: Hop) -> Decision:
        """Look up, or ask Cedar once (0.1 ms): the check before an attempt, also after a reload."""
        decision = self.look_up(labels, deployment_id, hop)
        if decision is None:
            self.fill(labels, (deployment_id,), hop)
            decision = self._rows[labels, hop][deployment_id]
        return decision

    def missing(self, labels: Labels, deployment_ids: Sequence[str], hop: Hop) -> list[str]:
        """The ids still to fill, in their order.  Marks the row as recently used."""
        row = self._rows.get((labels, hop))
        if row is None:
            return list(deployment_ids)
        self._rows.move_to_end((labels, hop))
        return [id for id in deployment_ids if id not in row]

    def fill(
        self, labels: Labels, deployment_ids: Sequence[str], hop: Hop, at_most: int = FILL_MAX
    ) -> int:
        """Decide the first `at_most` missing ones; returns how many are missing still."""
        missing = self.missing(labels, deployment_ids, hop)
        now = missing[:at_most]
        decisions = self._engine.decide_many(labels, now, hop)
        row = self._rows.setdefault((labels, hop), {})
        for id, decision in zip(now, decisions, strict=True):
            row[id] = self._interned.setdefault(decision, decision)
        if len(self._interned) > self._rows_max:
            self._interned.clear()  # sharing saves memory and nothing else rests on it
        while len(self._rows) > self._rows_max:
            self._rows.popitem(last=False)
        return len(missing) - len(now)

"""What the operator states of a deployment, and on what evidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.config.findings import KeyPath
from gateway.config.schema import AccountEntry, DeploymentEntry, FactsEntry
from policies import VendorRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The account's facts, and the deployment's over them, key by key."""

    account: FactsEntry | None
    deployment: FactsEntry | None

    def contract(self) -> Mapping[str, object] | None:
        """As `policies` reads it.  An absent fact keeps what is below, a null takes it back."""
        stated: dict[str, object] = {}
        proof: list[object] = []
        for facts in (self.account, self.deployment):
            if facts is not None:
                stated |= facts.model_dump(exclude_unset=True, exclude={"evidence"})
                proof.extend(item.model_dump() for item in facts.evidence)
        return {**stated, "evidence": proof} if stated or proof else None

    @property
    def is_unfounded(self) -> bool:
        """Facts without any evidence."""
        contract = self.contract()
        return contract is not None and not contract["evidence"]


def statement(account: AccountEntry, entry: DeploymentEntry) -> Statement:
    """What both entries state."""
    return Statement(account=account.facts, deployment=entry.facts)


def expired(
    name: str, entry: DeploymentEntry, stated: Statement, row: VendorRow, today: date
) -> Iterator[tuple[KeyPath, str, str]]:
    """Each thing that is believed no longer: where it stands, what follows, what to do."""
    old = [item for item in row.evidence if item.is_expired(today)]
    if old:
        yield (
            ("deployments", name),
            f"the vendor's public facts have expired ({old[0].expires}), so they are unknown",
            "a newer release has newer facts, or state your own in `facts`",
        )
    holders: tuple[tuple[KeyPath, FactsEntry | None], ...] = (
        (("accounts", entry.account), stated.account),
        (("deployments", name), stated.deployment),
    )
    for holder, facts in holders:
        for index, item in enumerate(facts.evidence if facts is not None else ()):
            if item.expires is not None and item.expires < today:
                yield (
                    (*holder, "facts", "evidence", index, "expires"),
                    "this evidence has expired, so the facts beside it are unknown",
                    "look again, and write the new date",
                )

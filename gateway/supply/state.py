"""The state of the whole supply, by the names in `supply.yaml`; it outlives a reload.

A `Standing` joins the elements that one deployment depends on.  Standings are handed out once
per deployment name, so that a new snapshot finds the cooldowns of the old one.
"""

from collections.abc import Iterator

from gateway.catalog import Deployment
from gateway.supply.element import Breaker, Element
from gateway.supply.reactions import REACTIONS, Scope
from providers.contract import Verdict


class Standing:
    """Everything the supply knows about one deployment."""

    __slots__ = ("account", "deployment", "in_flight")

    def __init__(self, deployment: Element, account: Element) -> None:
        self.deployment = deployment
        self.account = account
        self.in_flight = 0

    def admits(self, now: float) -> bool:
        """Whether an attempt may start."""
        return self.deployment.admits(now) and self.account.admits(now)

    def ready_at(self, now: float) -> float:
        """When it may serve again; infinity when only a person can bring it back."""
        return max(self.deployment.ready_at(now), self.account.ready_at(now))

    @property
    def is_cut(self) -> bool:
        """Whether a person or a cut-off took it out of service."""
        return self.deployment.is_cut or self.account.is_cut

    @property
    def is_broken(self) -> bool:
        """Whether the breaker keeps traffic away."""
        return self.deployment.breaker is Breaker.OPEN

    def claim(self) -> int:
        """An attempt starts; gives what `settle` must be told.  Accounts have no breaker."""
        self.in_flight += 1
        return self.deployment.claim()

    def settle(self, verdict: Verdict, now: float, probe: int = 0) -> None:
        """An attempt that `claim` began came to this."""
        self.in_flight -= 1
        kind = verdict.kind
        if verdict.delivers:
            self.deployment.succeed(probe)
            self.account.succeed()
            return
        reaction = REACTIONS[kind]
        if not reaction.is_health:
            self.deployment.release(probe)
        if reaction.blames is Scope.NOBODY:
            return
        element = self.account if reaction.blames is Scope.ACCOUNT else self.deployment
        if reaction.is_health:
            self.deployment.fail(now, probe)
        if reaction.is_cut:
            if not verdict.is_guess:
                element.cut()  # and no cooldown: whoever restores it means now
            return
        cooldown_s = verdict.retry_after_s if verdict.retry_after_s > 0 else reaction.cooldown_s
        if cooldown_s:
            element.cool(now + cooldown_s)


class Supply:
    """All standings and elements.  One per process."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self._accounts: dict[str, Element] = {}

    def standing(self, deployment: Deployment) -> Standing:
        """The one standing of the deployment with that name."""
        found = self._standings.get(deployment.name)
        account = self._accounts.setdefault(
            deployment.account.name, Element(deployment.account.name)
        )
        if found is None or found.account is not account:
            element = found.deployment if found else Element(deployment.name)
            found = self._standings[deployment.name] = Standing(element, account)
        return found

    def elements(self) -> Iterator[tuple[Scope, Element]]:
        """Every element with its scope, for metrics and operators; from any thread."""
        for standing in self._standings.copy().values():
            yield Scope.DEPLOYMENT, standing.deployment
        for account in self._accounts.copy().values():
            yield Scope.ACCOUNT, account

    def find(self, scope: Scope, name: str) -> Element | None:
        """The element of that scope and name, if the supply has it."""
        if scope is Scope.ACCOUNT:
            return self._accounts.get(name)
        standing = self._standings.get(name)
        return standing.deployment if standing else None

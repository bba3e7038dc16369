"""From `supply.yaml` to the catalogue: names resolved, vendors and places found, facts joined."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from gateway.catalog import Account, Catalog, Deadlines, Deployment, Origin, Price, Route
from gateway.config.catalogue import read_sheets, sheet_of_vendor
from gateway.config.document import Document
from gateway.config.findings import Findings, KeyPath, dotted, nearest, quoted
from gateway.config.origins import find_origin
from gateway.config.places import Placed, UnplacedError, Wish, place
from gateway.config.schema import (
    AccountEntry,
    DeploymentEntry,
    PriceEntry,
    RouteEntry,
    Supply,
)
from gateway.config.secrets import Secret, UnreadableSecretError, read_secret
from gateway.config.stated_facts import expired, statement
from gateway.config.validation import Entry
from gateway.config.values import split_url
from policies import Facts, PolicyError, VendorFacts
from providers.contract import Target, Vendor
from providers.errors import ProviderError
from providers.registry import vendors


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the file is read in: relative paths, secrets, and the day that evidence expires on."""

    folder: Path
    environment: Mapping[str, str]
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What `supply.yaml` declares, and by which secrets."""

    catalog: Catalog
    facts: Mapping[str, Facts]  # by deployment
    secrets: tuple[Secret, ...]


def build(
    document: Document,
    supply: Supply,
    wrong: frozenset[Entry],
    surroundings: Surroundings,
    findings: Findings,
) -> Supplied:
    """Resolve the whole file; `wrong` entries have been told already and nothing depends on them.

    What cannot be resolved is in `findings`, and not in the result.
    """
    return _Builder(document, supply, wrong, surroundings, findings).build()


class _Builder:
    """One file while it is resolved."""

    def __init__(
        self,
        document: Document,
        supply: Supply,
        wrong: frozenset[Entry],
        surroundings: Surroundings,
        findings: Findings,
    ) -> None:
        self._document = document
        self._supply = supply
        self._wrong = wrong  # entries that stand in the file and are not in `supply`
        self._surroundings = surroundings
        self._findings = findings
        self._secrets: dict[str, Secret] = {}
        self._placed: dict[str, Placed] = {}
        self._facts: dict[str, Facts] = {}

    def build(self) -> Supplied:
        for section in Supply.model_fields:
            if not getattr(self._supply, section) and not self._wrong:
                self._warn((section,), "is empty, so nothing is supplied")
        accounts = {
            name: account
            for name, entry in self._supply.accounts.items()
            if (account := self._account(name, entry)) is not None
        }
        deployments = {
            name: deployment
            for name, entry in self._supply.deployments.items()
            if (deployment := self._deployment(name, entry, accounts)) is not None
        }
        self._refuse_twins(deployments)
        routes = {
            name: self._route(name, entry, deployments)
            for name, entry in self._supply.routes.items()
        }
        self._warn_of_unused()
        return Supplied(
            catalog=Catalog(
                accounts=MappingProxyType(accounts),
                deployments=MappingProxyType(deployments),
                routes=MappingProxyType(routes),
            ),
            facts=MappingProxyType(self._facts),
            secrets=tuple(self._secrets.values()),
        )

    def _account(self, name: str, entry: AccountEntry) -> Account | None:
        path = ("accounts", name)
        vendor = vendors().get(entry.vendor)
        if vendor is None:
            self._error(
                (*path, "vendor"),
                f"there is no vendor {quoted(entry.vendor)}",
                nearest(entry.vendor, vendors()),
            )
            return None
        secret = self._secret((*path, "credential"), entry.credential, vendor)
        if entry.credential is not None and secret is None:
            return None
        return Account(
            name=name,
            vendor=vendor,
            credential=secret.value if secret is not None else None,
            credential_source=entry.credential,
        )

    def _secret(self, path: KeyPath, reference: str | None, vendor: Vendor) -> Secret | None:
        if reference is None:
            return None
        try:
            secret = read_secret(
                reference, self._surroundings.folder, self._surroundings.environment
            )
        except UnreadableSecretError as error:
            self._error(path, str(error), error.remedy)
            return None
        try:
            vendor.sign(secret.value)
        except ProviderError as error:
            self._error(path, str(error))
            return None
        if secret.is_readable_by_all:
            self._warn(path, f"{secret.path} can be read by every user", "chmod 600")
        self._secrets[reference] = secret
        return secret

    def _deployment(
        self, name: str, entry: DeploymentEntry, accounts: Mapping[str, Account]
    ) -> Deployment | None:
        path = ("deployments", name)
        account_entry = self._supply.accounts.get(entry.account)
        if account_entry is None:
            self._refuse_unknown((*path, "account"), "account", entry.account)
            return None
        account = accounts.get(entry.account)
        if account is None:
            return None  # its own problem is told at the account
        found = self._find(path, entry, account_entry, account.vendor)
        if found is None:
            return None
        placed, origin = found
        self._placed[name] = placed
        facts = self._join_facts(name, entry, account_entry, placed)
        if facts is None:
            return None
        self._facts[name] = facts
        if account.credential is None and "public" in origin.networks and not entry.simulated:
            self._warn(
                ("accounts", account.name),
                f"has no credential, so {name} asks {origin.host} anonymously",
                "set `credential`",
            )
        return Deployment(
            name=name,
            account=account,
            origin=origin,
            base_path=urlsplit(placed.base_url).path.rstrip("/"),
            endpoints=account.vendor.endpoints,
            target=_target(entry, account.vendor, placed),
            answers_as=entry.answers_as,
            lacks=entry.lacks | account.vendor.lacks,
            context_tokens=entry.context_tokens,
            price=_price(entry.price),
            zone=facts.processing or "UNKNOWN",
            place=placed.row.id or None,
            is_simulated=entry.simulated,
            connections=entry.connections,
            connect_s=entry.connect_s,
        )

    def _find(
        self, path: KeyPath, entry: DeploymentEntry, account: AccountEntry, vendor: Vendor
    ) -> tuple[Placed, Origin] | None:
        """Where it is, in the vendor's terms and in the network's."""
        wish = Wish(
            model=entry.model,
            base_url=entry.base_url or account.base_url,
            place=entry.place or account.place,
            is_private=entry.private_endpoint,
            is_simulated=entry.simulated,
        )
        try:
            placed = place(vendor, self._sheet(account, vendor), wish)
            parts = split_url(placed.base_url)
            assert parts is not None, "the schema and the fact sheets hold only whole URLs"
            return placed, find_origin(entry, parts, self._surroundings.folder)
        except UnplacedError as error:
            where = (*path, error.key) if error.key else path
            if error.key and self._document.node(where) is None:
                inherited = ("accounts", entry.account, error.key)
                where = inherited if self._document.node(inherited) is not None else path
            self._error(where, str(error), error.remedy)
            return None

    def _sheet(self, entry: AccountEntry, vendor: Vendor) -> VendorFacts | None:
        if entry.fact_sheet is None:
            return sheet_of_vendor(vendor.name)
        sheet = read_sheets().get(entry.fact_sheet)
        if sheet is None:
            raise UnplacedError(
                "fact_sheet",
                f"there is no fact sheet {quoted(entry.fact_sheet)}",
                nearest(entry.fact_sheet, read_sheets()),
            )
        return sheet

    def _join_facts(
        self, name: str, entry: DeploymentEntry, account: AccountEntry, placed: Placed
    ) -> Facts | None:
        """The place's facts, the account's over them, and the deployment's over both."""
        stated = statement(account, entry)
        today = self._surroundings.today
        if stated.is_unfounded:
            self._warn(
                ("deployments", name),
                "states facts without saying where they are from",
                "add `evidence: [{source: …, as_of: …}]` beside them",
            )
        for path, message, remedy in expired(name, entry, stated, placed.row, today):
            self._warn(path, message, remedy)
        try:
            return placed.row.make_facts(
                id=name,
                account=entry.account,
                model=entry.model,
                contract=stated.contract(),
                today=today,
            )
        except PolicyError as error:
            for problem in error.problems:
                self._error(("deployments", name, "facts"), problem.message, problem.remedy)
            return None

    def _refuse_twins(self, deployments: Mapping[str, Deployment]) -> None:
        seen: dict[tuple[object, ...], str] = {}
        for name, deployment in deployments.items():
            placed = self._placed[name]
            same = (
                deployment.account.name,
                deployment.target.model,
                placed.base_url,
                placed.row.id,
            )
            first = seen.setdefault(same, name)
            if first != name:
                line = self._document.line(("deployments", first))
                self._error(
                    ("deployments", name),
                    f"is the same account, model and place as {first} on line {line}",
                    "keep one of them",
                )

    def _route(self, name: str, entry: RouteEntry, deployments: Mapping[str, Deployment]) -> Route:
        path = ("routes", name)
        seen: set[str] = set()
        tiers: list[tuple[Deployment, ...]] = []
        for position, tier in enumerate(entry.tiers):
            if not tier:
                self._error((*path, "tiers", position), "is an empty tier", "remove it")
            for index, deployment in enumerate(tier):
                where = self._place_in_tiers(path, position, index)
                self._check_member(where, deployment, seen)
            tiers.append(tuple(deployments[d] for d in tier if d in deployments))
        self._check_deadlines(path, entry)
        route = Route(
            name=name,
            tiers=tuple(tiers),
            deadlines=Deadlines(**entry.deadlines.model_dump()),
            is_strict=entry.strict,
        )
        if len(seen) == 1:
            self._warn(path, "has one source only: nothing takes over when it fails")
        return route

    def _place_in_tiers(self, path: KeyPath, position: int, index: int) -> KeyPath:
        """Where the name stands in the file, which has four ways to write it."""
        node = self._document.node(path)
        listed = () if node is not None and isinstance(node.value, list) else ("tiers",)
        tier_path = (*path, *listed, position)
        tier = self._document.node(tier_path)
        return (
            (*tier_path, index) if tier is not None and isinstance(tier.value, list) else tier_path
        )

    def _check_member(self, where: KeyPath, name: str, seen: set[str]) -> None:
        if name not in self._supply.deployments:
            self._refuse_unknown(where, "deployment", name)
        elif name in seen:
            self._error(where, f"{name} is in this route already", "keep its best tier")
        seen.add(name)

    def _check_deadlines(self, path: KeyPath, entry: RouteEntry) -> None:
        deadlines = entry.deadlines
        for key in sorted(deadlines.model_fields_set - {"total_s"}):
            if getattr(deadlines, key) > deadlines.total_s:
                self._error(
                    (*path, "deadlines", key),
                    f"does nothing: `total_s` ends the request after {deadlines.total_s:g} s",
                    "raise `total_s`, or lower this",
                )

    def _warn_of_unused(self) -> None:
        if self._wrong:
            return  # what uses them may be among the wrong entries
        used = {name for r in self._supply.routes.values() for tier in r.tiers for name in tier}
        for name in self._supply.deployments:
            if name not in used:
                self._warn(("deployments", name), "is in no route, so nothing reaches it")
        paying = {entry.account for entry in self._supply.deployments.values()}
        for name in self._supply.accounts:
            if name not in paying:
                self._warn(("accounts", name), "has no deployment, so nothing uses it")

    def _refuse_unknown(self, where: KeyPath, kind: str, name: str) -> None:
        """Only what is nowhere in the file is unknown; a wrong entry has been told already."""
        if self._findings.is_full:
            return
        section = f"{kind}s"
        known = {n for s, n in self._wrong if s == section} | set(getattr(self._supply, section))
        if name not in known:
            remedy = nearest(name, known, kind)
            self._error(where, f"there is no {kind} {quoted(name)}", remedy)

    def _error(self, path: KeyPath, message: str, remedy: str = "") -> None:
        line = self._document.line(path)
        self._findings.error(self._document.name, line, dotted(path), message, remedy)

    def _warn(self, path: KeyPath, message: str, remedy: str = "") -> None:
        line = self._document.line(path)
        self._findings.warn(self._document.name, line, dotted(path), message, remedy)


def _target(entry: DeploymentEntry, vendor: Vendor, placed: Placed) -> Target:
    transform = placed.row.transform
    inject = {
        **vendor.inject,
        **{
            name: msgspec.Raw(msgspec.json.encode(value))
            for name, value in transform.inject.items()
        },
    }
    return Target(
        model=entry.model,
        max_output_tokens=entry.max_output_tokens,
        drop_fields=vendor.drop_fields,
        rename_fields=vendor.rename_fields,
        inject=MappingProxyType(inject),
        reserved_fields=vendor.reserved_fields | transform.reserved_fields | frozenset(inject),
        asks_usage=vendor.asks_usage,
    )


def _price(entry: PriceEntry | None) -> Price | None:
    if entry is None:
        return None
    return Price(
        currency=entry.currency,
        input_micro_per_mtok=entry.input,
        output_micro_per_mtok=entry.output,
        cached_input_micro_per_mtok=entry.cached_input,
    )

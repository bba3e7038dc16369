"""From `supply.yaml` to the catalogue: names resolved, vendors found, addresses checked.

The address decides which vendor's facts are believed.  So a host that is not the vendor's is
refused unless the operator says why: an own name for it, or a practice vendor.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult

from gateway.catalog import Account, Catalog, Deadlines, Deployment, Origin, Price, Route
from gateway.config.document import Document
from gateway.config.findings import Findings, KeyPath, dotted, nearest, quoted
from gateway.config.schema import AccountEntry, DeploymentEntry, PriceEntry, RouteEntry, Supply
from gateway.config.secrets import Secret, UnreadableSecretError, read_secret
from gateway.config.validation import Entry
from gateway.config.values import split_url
from providers.contract import Target, Vendor
from providers.errors import ProviderError
from providers.registry import vendors

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a deployment is reached, as far as its vendor's facts depend on it."""

    base_url: str
    residency: str | None
    form: str | None
    is_vendors_host: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What `supply.yaml` declares, and by which secrets."""

    catalog: Catalog
    places: Mapping[str, Place]  # by deployment
    secrets: tuple[Secret, ...]


def build(
    document: Document,
    supply: Supply,
    wrong: frozenset[Entry],
    folder: Path,
    environment: Mapping[str, str],
    findings: Findings,
) -> Supplied:
    """Resolve the whole file; `wrong` entries have been told already and nothing depends on them.

    What cannot be resolved is in `findings`, and not in the result.
    """
    return _Builder(document, supply, wrong, folder, environment, findings).build()


class _Builder:
    """One file while it is resolved."""

    def __init__(
        self,
        document: Document,
        supply: Supply,
        wrong: frozenset[Entry],
        folder: Path,
        environment: Mapping[str, str],
        findings: Findings,
    ) -> None:
        self._document = document
        self._supply = supply
        self._wrong = wrong  # entries that stand in the file and are not in `supply`
        self._folder = folder
        self._environment = environment
        self._findings = findings
        self._secrets: dict[str, Secret] = {}
        self._places: dict[str, Place] = {}

    def build(self) -> Supplied:
        for section in Supply.model_fields:
            if not getattr(self._supply, section) and not self._wrong:
                self._error((section,), "must not be empty", "`switchgear init` writes a start")
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
            places=MappingProxyType(self._places),
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
            secret = read_secret(reference, self._folder, self._environment)
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
        base_url = self._base_url(path, entry, account_entry, account.vendor)
        if base_url is None:
            return None
        parts = split_url(base_url)
        assert parts is not None, "the schema let only whole URLs through"
        origin = self._origin(path, entry, parts)
        target = self._target(path, entry, account.vendor)
        if origin is None or target is None:
            return None
        self._check_host(path, entry, account.vendor, base_url, name)
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
            base_path=parts.path.rstrip("/"),
            endpoints=account.vendor.endpoints,
            target=target,
            answers_as=entry.answers_as,
            lacks=entry.lacks | account.vendor.lacks,
            context_tokens=entry.context_tokens,
            price=_price(entry.price),
            form=entry.form,
            is_simulated=entry.simulated,
            connections=entry.connections,
            connect_s=entry.connect_s,
        )

    def _base_url(
        self, path: KeyPath, entry: DeploymentEntry, account: AccountEntry, vendor: Vendor
    ) -> str | None:
        """The nearest of the deployment's, the account's and the vendor's own address."""
        holders: Sequence[tuple[KeyPath, DeploymentEntry | AccountEntry]] = (
            (path, entry),
            (("accounts", entry.account), account),
        )
        for holder_path, holder in holders:
            if holder.base_url is not None and holder.region is not None:
                self._error(
                    (*holder_path, "region"), "says the address a second time, after `base_url`"
                )
                return None
            if holder.base_url is not None:
                return holder.base_url
            if holder.region is not None:
                found = vendor.regions.get(holder.region)
                if found is None:
                    self._error(
                        (*holder_path, "region"),
                        f"{vendor.name} has no region {quoted(holder.region)}",
                        nearest(holder.region, vendor.regions, "region of this vendor"),
                    )
                return found
        if vendor.base_url is None:
            form = vendor.base_url_form
            self._error(
                path,
                f"has no address, and {vendor.name} has none of its own",
                f"set `base_url`, such as {form}" if form else "set `base_url`",
            )
        return vendor.base_url

    def _origin(self, path: KeyPath, entry: DeploymentEntry, parts: SplitResult) -> Origin | None:
        host = parts.hostname or ""
        networks = entry.networks
        if networks is None:
            networks = _networks_of(host)
        elif not networks:
            self._error((*path, "networks"), "allows no address at all", "leave it out")
            return None
        is_tls = parts.scheme == "https"
        if not is_tls and any(_is_public(network) for network in networks):
            self._error(
                path,
                f"would send requests to {host} over plain http",
                "use https, or declare the private ranges of the host in `networks`",
            )
            return None
        ca_file = None
        if entry.ca_file is not None:
            ca_file = str(self._folder / entry.ca_file)
            if not is_tls:
                self._error((*path, "ca_file"), "does nothing for an http address", "remove it")
            elif not Path(ca_file).is_file():
                self._error((*path, "ca_file"), f"there is no file {ca_file}")
        return Origin(
            host=host,
            port=parts.port or _PORTS[parts.scheme],
            is_tls=is_tls,
            ca_file=ca_file,
            networks=networks,
        )

    def _target(self, path: KeyPath, entry: DeploymentEntry, vendor: Vendor) -> Target | None:
        inject = dict(vendor.inject)
        if entry.residency is not None:
            members = vendor.residencies.get(entry.residency)
            if members is None:
                self._error(
                    (*path, "residency"),
                    f"{vendor.name} cannot pin inference to {quoted(entry.residency)}",
                    nearest(entry.residency, vendor.residencies, "residency at this vendor"),
                )
                return None
            inject |= members
        return Target(
            model=entry.model,
            max_output_tokens=entry.max_output_tokens,
            drop_fields=vendor.drop_fields,
            rename_fields=vendor.rename_fields,
            inject=MappingProxyType(inject),
            reserved_fields=vendor.reserved_fields,
            asks_usage=vendor.asks_usage,
        )

    def _check_host(
        self, path: KeyPath, entry: DeploymentEntry, vendor: Vendor, base_url: str, name: str
    ) -> None:
        is_vendors = has_host(vendor, base_url)
        self._places[name] = Place(
            base_url=base_url,
            residency=entry.residency,
            form=entry.form,
            is_vendors_host=is_vendors or entry.private_endpoint,
        )
        if entry.private_endpoint and is_vendors:
            self._error(
                (*path, "private_endpoint"), f"does nothing: the host is {vendor.name}'s own"
            )
        elif not (is_vendors or entry.private_endpoint or entry.simulated):
            parts = split_url(base_url)
            host = parts.hostname if parts is not None else base_url
            self._error(
                path,
                f"{host} is not a host of {vendor.name}, so its facts cannot be believed",
                "use the vendor `openai_compatible`, or say `private_endpoint: true`",
            )

    def _refuse_twins(self, deployments: Mapping[str, Deployment]) -> None:
        seen: dict[tuple[object, ...], str] = {}
        for name, deployment in deployments.items():
            place = self._places[name]
            same = (
                deployment.account.name, deployment.target.model, place.base_url,
                place.residency, place.form,
            )  # fmt: skip
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


def has_host(vendor: Vendor, base_url: str) -> bool:
    """Whether the address is one that the vendor's file knows; `{…}` there is a part of a name.

    A vendor whose software runs anywhere has every host.
    """
    parts = split_url(base_url)
    host = parts.hostname if parts is not None else None
    known = [vendor.base_url, vendor.base_url_form, *vendor.regions.values()]
    patterns = [match[1] for url in known if url and (match := _AUTHORITY.match(url))]
    if any(pattern == "{host}" or _is_loopback(pattern) for pattern in patterns):
        return True
    return host is not None and any(_host_matches(pattern, host) for pattern in patterns)


_AUTHORITY: Final = re.compile(r"https?://([^/:]+)")


def _host_matches(pattern: str, host: str) -> bool:
    pieces = re.split(r"\{[^}]*\}", pattern.lower())
    return re.fullmatch("[a-z0-9-]+".join(map(re.escape, pieces)), host.rstrip(".")) is not None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _networks_of(host: str) -> tuple[str, ...]:
    """What a host may resolve to when the operator does not say: itself, or the public."""
    if host == "localhost":
        return ("127.0.0.0/8", "::1/128")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ("public",)
    return ("public",) if address.is_global else (str(ipaddress.ip_network(address)),)


def _is_public(network: str) -> bool:
    return network == "public" or ipaddress.ip_network(network).is_global


def _price(entry: PriceEntry | None) -> Price | None:
    if entry is None:
        return None
    return Price(
        currency=entry.currency,
        input_micro_per_mtok=entry.input,
        output_micro_per_mtok=entry.output,
        cached_input_micro_per_mtok=entry.cached_input,
    )

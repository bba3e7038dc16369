"""Judge a refusal.  Body before status: a cut-off often looks like a client's error.

Order: codes that name a cause (the vendor file's own first), messages, codes that name a family,
the vendor's own use of a status, the status.  Transport faults never get here, they are the
wire's.  What only a status of 4xx decided is marked a guess: the same one from several callers
is a cut-off that nobody has listed yet.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from providers.contract import Charge, Headers, Kind, Vendor, Verdict
from providers.faults.codes import CODES, FAMILIES
from providers.faults.evidence import Evidence, read_evidence
from providers.faults.messages import MESSAGES, PAGES, QUOTA_IDS
from providers.faults.rules import Rule
from providers.faults.statuses import CHARGES, VENDOR_STATUSES, by_status
from providers.faults.waits import read_wait


def _by_code(rules: Iterable[Rule]) -> MappingProxyType[str, tuple[Rule, ...]]:
    table: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        table[rule.match] = (*table.get(rule.match, ()), rule)
    return MappingProxyType(table)


_CAUSES: Final = _by_code(CODES)
_FAMILIES: Final = _by_code(FAMILIES)


def classify(
    status: int,
    headers: Headers,
    body: bytes,
    vendor: Vendor | None = None,
    *,
    now_unix_s: float,
) -> Verdict:
    """What a reply that is no answer means.  `now_unix_s` is wall time, for dates.

    `headers` have names in lower case.  Never raises, whatever the vendor sent.
    """
    evidence = read_evidence(headers, body)
    return _judge(status, headers, evidence, vendor, now_unix_s)


def classify_error(body: bytes) -> Verdict:
    """What an error inside a 200 means: an event of a stream, or a whole reply.

    The status is the one that the error itself names, if any.  Charge is partial: the vendor
    had begun to answer.
    """
    evidence = read_evidence([], body)
    verdict = _judge(evidence.status or 500, [], evidence, None, 0.0)
    return verdict._replace(charge=Charge.PARTIAL, resets_at_unix_s=-1.0)


# A 404 that names no model may speak of the path: one request of one client must not cut the
# deployment off for all.
_GUESSES: Final = frozenset((Kind.CALLER_ERROR, Kind.MODEL_WITHDRAWN))


def _judge(
    status: int, headers: Headers, evidence: Evidence, vendor: Vendor | None, now_unix_s: float
) -> Verdict:
    name = vendor.name if vendor is not None else ""
    own = _own_code(evidence, vendor)
    if own is not None:
        rule, detail = None, f"code {own}"
        kind = vendor.codes[own] if vendor is not None else by_status(status)
    elif (rule := _rule(evidence, name, status)) is not None:
        kind, detail = rule.kind, f"{'page' if evidence.page else 'rule'} {rule.match}"
    else:
        kind, detail = _kind_of_status(status, vendor), f"status {status}"
    wait = read_wait(headers, evidence, kind, rule.reset if rule else None, now_unix_s)
    retry_after_s = wait.retry_after_s
    if retry_after_s < 0 and rule is not None:
        retry_after_s = rule.retry_after_s
    charge = CHARGES.get(status, Charge.NONE)
    if rule is not None and rule.charge is not Charge.NONE:
        charge = rule.charge
    is_guess = rule is None and own is None and kind in _GUESSES
    return Verdict(kind, detail, retry_after_s, charge, wait.resets_at_unix_s, is_guess)


def _own_code(evidence: Evidence, vendor: Vendor | None) -> str | None:
    """The first code of the reply that the vendor's file names, as the file spells it."""
    if vendor is None or not vendor.codes:
        return None
    spelled = {code.lower(): code for code in vendor.codes}
    return next((spelled[code] for code in evidence.codes if code in spelled), None)


def _rule(evidence: Evidence, vendor: str, status: int) -> Rule | None:
    return (
        _first_code(_CAUSES, evidence, vendor, status)
        or _first_text(QUOTA_IDS, evidence.quota_ids, vendor, status)
        or _first_text(MESSAGES, evidence.message, vendor, status)
        or _first_text(PAGES, evidence.page, vendor, status)
        or _first_code(_FAMILIES, evidence, vendor, status)
    )


def _first_code(
    table: MappingProxyType[str, tuple[Rule, ...]], evidence: Evidence, vendor: str, status: int
) -> Rule | None:
    for code in evidence.codes:
        for rule in table.get(code, ()):
            if rule.fits(vendor, status):
                return rule
    return None


def _first_text(rules: tuple[Rule, ...], text: str, vendor: str, status: int) -> Rule | None:
    if not text:
        return None
    for rule in rules:
        found = text.startswith(rule.match) if rule.is_prefix else rule.match in text
        if found and rule.fits(vendor, status):
            return rule
    return None


def _kind_of_status(status: int, vendor: Vendor | None) -> Kind:
    if vendor is not None:
        if status in vendor.statuses:
            return vendor.statuses[status]
        if (vendor.name, status) in VENDOR_STATUSES:
            return VENDOR_STATUSES[vendor.name, status]
    return by_status(status)

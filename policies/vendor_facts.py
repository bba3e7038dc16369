"""Reads the vendor catalogue: what is publicly known of a vendor's endpoints, with its evidence.

One file per vendor, one row per endpoint form (a URL, a parameter, a region), because the place
of inference is often chosen by something that no URL shows.  A row's facts win over the vendor's,
and the operator's contract wins over both.  What nobody states is unknown.

File: `schema: 1`, `vendor`, `title`, `is_invented` (practice vendors), `facts`, `evidence`,
`notes`, `endpoints: [{id, url, chosen_by, facts, evidence, transform, note}]`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from policies.errors import nearest
from policies.facts import (
    FACT_NAMES,
    Evidence,
    Facts,
    make_facts,
    read_evidence,
    read_fact_values,
)
from policies.reading import Reader

SCHEMA_VERSION: Final = 1
_FILE_KEYS: Final = (
    "schema",
    "vendor",
    "title",
    "is_invented",
    "facts",
    "evidence",
    "notes",
    "endpoints",
)
_ROW_KEYS: Final = ("id", "url", "chosen_by", "facts", "evidence", "transform", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What a request must carry so that the row's facts are true of it."""

    inject: Mapping[str, object]  # top-level members of the body, as JSON values
    reserved_fields: frozenset[str]  # the client's own are refused
    model_prefix: str = ""  # the upstream model name must begin so


NO_TRANSFORM: Final = Transform(inject={}, reserved_fields=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRow:
    """One endpoint form.  `values` has facts by name; what is not in it is unknown."""

    vendor: str
    id: str
    url: str  # may hold {placeholders} that the operator fills
    chosen_by: str  # what selects this row besides the URL, for people
    values: Mapping[str, object]
    evidence: tuple[Evidence, ...]
    transform: Transform
    note: str

    def make_facts(
        self,
        *,
        id: str,
        account: str,
        model: str,
        contract: Mapping[str, object] | None = None,
        today: date | None = None,
        file: str = "supply.yaml",
    ) -> Facts:
        """Facts of a deployment on this row.

        `contract` has facts by name, which win, and `evidence` for them.  With `today`, whatever
        rests on expired evidence is unknown.  Raises PolicyError.
        """
        reader = Reader(file)
        stated = reader.mapping(contract, f"{id}.contract", (*FACT_NAMES, "evidence"))
        own = read_fact_values(
            reader, {name: stated[name] for name in FACT_NAMES if name in stated}, f"{id}.contract"
        )
        proof = _read_evidence_list(reader, stated.get("evidence"), f"{id}.contract.evidence")
        reader.finish()
        values = {
            **_believe(self.values, self.evidence, today),
            **_believe(own, proof, today),
        }
        identity = {"vendor": self.vendor, "account": account, "model": model}
        return make_facts(id, identity, values, (*self.evidence, *proof))


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFacts:
    """One file of the catalogue."""

    vendor: str
    title: str
    rows: Mapping[str, VendorRow]
    notes: tuple[str, ...]
    is_invented: bool

    def row(self, id: str, file: str = "supply.yaml", key: str = "") -> VendorRow:
        """The row of that id.  Raises PolicyError naming the nearest one."""
        if id not in self.rows:
            reader = Reader(file)
            reader.report(
                key,
                f"{self.vendor} has no endpoint `{id}` in the catalogue",
                nearest(id, self.rows),
            )
            reader.finish()
        return self.rows[id]


def read_vendor(mapping: Mapping[str, object], file: str = "catalogue") -> VendorFacts:
    """Read one catalogue file, already parsed.  Raises PolicyError with all its problems."""
    reader = Reader(file)
    read = reader.mapping(mapping, "", _FILE_KEYS)
    if read.get("schema") != SCHEMA_VERSION:
        reader.report("schema", f"must be {SCHEMA_VERSION}")
    vendor = reader.word(read.get("vendor"), "vendor") or ""
    title = reader.word(read.get("title"), "title") or ""
    is_invented = read.get("is_invented", False)
    if not isinstance(is_invented, bool):
        reader.report("is_invented", "must be true or false")
    values = read_fact_values(reader, read.get("facts"), "facts")
    evidence = _read_evidence_list(reader, read.get("evidence"), "evidence")
    if not evidence:
        reader.report("evidence", "is missing", "say where the facts come from")
    rows: dict[str, VendorRow] = {}
    endpoints = read.get("endpoints")
    if not isinstance(endpoints, list) or not endpoints:
        reader.report("endpoints", "must be a list with at least one row")
        endpoints = []
    for number, item in enumerate(endpoints):
        row = _read_row(reader, item, f"endpoints[{number}]", vendor, values, evidence)
        if row.id in rows:
            reader.report(f"endpoints[{number}].id", f"`{row.id}` is there twice")
        rows[row.id] = row
    notes = _read_notes(reader, read.get("notes"))
    reader.finish()
    return VendorFacts(
        vendor=vendor, title=title, rows=rows, notes=notes, is_invented=bool(is_invented)
    )


def _read_row(
    reader: Reader,
    value: object,
    key: str,
    vendor: str,
    values: Mapping[str, object],
    evidence: tuple[Evidence, ...],
) -> VendorRow:
    read = reader.mapping(value, key, _ROW_KEYS)
    return VendorRow(
        vendor=vendor,
        id=reader.word(read.get("id"), f"{key}.id") or "",
        url=reader.word(read.get("url"), f"{key}.url") or "",
        chosen_by=reader.text(read.get("chosen_by"), f"{key}.chosen_by"),
        values={**values, **read_fact_values(reader, read.get("facts"), f"{key}.facts")},
        evidence=evidence + _read_evidence_list(reader, read.get("evidence"), f"{key}.evidence"),
        transform=_read_transform(reader, read.get("transform"), f"{key}.transform"),
        note=reader.text(read.get("note"), f"{key}.note"),
    )


def _read_transform(reader: Reader, value: object, key: str) -> Transform:
    if value is None:
        return NO_TRANSFORM
    read = reader.mapping(value, key, ("inject", "reserved_fields", "model_prefix"))
    prefix = read.get("model_prefix")
    return Transform(
        inject=reader.mapping(read.get("inject"), f"{key}.inject"),
        reserved_fields=frozenset(
            reader.words(read.get("reserved_fields"), f"{key}.reserved_fields")
        ),
        model_prefix=("" if prefix is None else reader.word(prefix, f"{key}.model_prefix") or ""),
    )


def _read_evidence_list(reader: Reader, value: object, key: str) -> tuple[Evidence, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        reader.report(key, "must be a list of {source, as_of, confidence, expires}")
        return ()
    read = (read_evidence(reader, item, f"{key}[{n}]") for n, item in enumerate(value))
    return tuple(item for item in read if item is not None)


def _read_notes(reader: Reader, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(note, str) for note in value):
        reader.report("notes", "must be a list of texts")
        return ()
    return tuple(value)


def _believe(
    values: Mapping[str, object], evidence: tuple[Evidence, ...], today: date | None
) -> Mapping[str, object]:
    """The values, or unknown for each once any of their evidence has expired.

    Unknown and not absent: what an expired contract said may not bring back a better claim below.
    """
    if any(item.is_expired(today) for item in evidence):
        return dict.fromkeys(values)
    return values

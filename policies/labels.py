"""What policy may know of a request: the labels, their vocabulary, and how they are raised.

Every value is declared (`labels.yaml`, `tenants.yaml`); an undeclared one is refused by name.
Classes, purposes and modes are lists in rising order of restriction, so that a request can only
raise what its key's floor says.  A tag implies a least class: personal data that somebody labelled
public is not public.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from policies.errors import UnknownLabelError, nearest
from policies.reading import Reader
from policies.zones import GLOBAL, Zones

OTHER = "other"
"""Stands in the table for every tenant and every app that no rule names."""


class Hop(StrEnum):
    """What a request is to the deployment: the Cedar action."""

    INFER = "infer"
    EMBED = "embed"
    COUNT = "count"
    JUDGE = "judge"
    MIRROR = "mirror"


class Labels(NamedTuple):
    """The labels of one request.  A tuple, because it is hashed on the hot path."""

    tenant: str
    app: str
    klass: str
    tags: frozenset[str]
    purpose: str
    subjects: str  # zone of the people the data is about; GLOBAL: anybody
    mode: str = "normal"


class Wanted(NamedTuple):
    """What a request says of itself, by header or detector.  None: it does not say."""

    klass: str | None = None
    tags: frozenset[str] = frozenset()
    purpose: str | None = None
    subjects: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelVocabulary:
    """The declared values, and the ids that rules name."""

    classes: tuple[str, ...]  # rising
    tags: Mapping[str, str]  # tag to its least class
    purposes: tuple[str, ...]  # rising
    subjects: frozenset[str]
    modes: tuple[str, ...]  # rising
    zones: Zones
    tenants: Mapping[str, tuple[str, ...] | None]  # tenant to its apps; None: any app
    named_tenants: frozenset[str] = frozenset()
    named_apps: frozenset[str] = frozenset()  # as `tenant/app`

    def check(self, labels: Labels) -> None:
        """Raises UnknownLabelError naming the first undeclared value and the nearest one."""
        _among(labels.klass, self.classes, "class")
        for tag in sorted(labels.tags):
            _among(tag, self.tags, "tag")
        _among(labels.purpose, self.purposes, "purpose")
        _among(labels.subjects, self.subjects, "subjects")
        _among(labels.mode, self.modes, "mode")
        # No suggestions here: a client need not learn who the other tenants are.
        if labels.tenant != OTHER and labels.tenant not in self.tenants:
            raise UnknownLabelError(f"tenant `{labels.tenant[:80]}` is not in tenants.yaml")
        apps = self.tenants.get(labels.tenant)
        if apps is not None and labels.app not in (*apps, OTHER):
            raise UnknownLabelError(
                f"app `{labels.app[:80]}` is not in tenants.yaml under `{labels.tenant[:80]}`"
            )

    def normalise(self, labels: Labels) -> Labels:
        """Raise the class to what the tags imply.  Raises UnknownLabelError."""
        self.check(labels)
        ranks = [self.classes.index(self.tags[tag]) for tag in labels.tags]
        rank = max(self.classes.index(labels.klass), *ranks, 0)
        klass = self.classes[rank]
        return labels if klass == labels.klass else labels._replace(klass=klass)

    def raise_to(self, floor: Labels, wanted: Wanted) -> Labels:
        """The floor raised by what is wanted, normalised: nothing can be lowered.

        A later class, purpose or mode wins; tags add up; subjects become the smallest declared
        zone that holds both.  Raises UnknownLabelError.
        """
        klass = _later(self.classes, floor.klass, wanted.klass, "class")
        purpose = _later(self.purposes, floor.purpose, wanted.purpose, "purpose")
        subjects = floor.subjects
        if wanted.subjects is not None:
            _among(wanted.subjects, self.subjects, "subjects")
            _among(floor.subjects, self.subjects, "subjects")
            subjects = self.zones.join((floor.subjects, wanted.subjects), self.subjects)
        return self.normalise(
            floor._replace(
                klass=klass, tags=floor.tags | wanted.tags, purpose=purpose, subjects=subjects
            )
        )

    def canonical(self, labels: Labels) -> Labels:
        """The table's key: normalised, with tenants and apps that no rule names folded into one.

        Raises UnknownLabelError.
        """
        labels = self.normalise(labels)
        app = labels.app if f"{labels.tenant}/{labels.app}" in self.named_apps else OTHER
        is_named = labels.tenant in self.named_tenants or app != OTHER
        tenant = labels.tenant if is_named else OTHER
        if tenant == labels.tenant and app == labels.app:
            return labels
        return labels._replace(tenant=tenant, app=app)

    def naming(self, tenants: frozenset[str], apps: frozenset[str]) -> "LabelVocabulary":
        """The same vocabulary, knowing which tenants and apps the rules name."""
        return replace(self, named_tenants=tenants, named_apps=apps)


def read_labels(
    mapping: Mapping[str, object],
    zones: Zones,
    tenants: Mapping[str, object],
    file: str = "labels.yaml",
) -> LabelVocabulary:
    """Read `labels.yaml` and `tenants.yaml`, already parsed.  Raises PolicyError."""
    reader = Reader(file)
    keys = ("classes", "tags", "purposes", "subjects", "modes")
    read = reader.mapping(mapping, "", keys)
    classes, purposes, modes = (
        reader.words(read.get(key), key) for key in ("classes", "purposes", "modes")
    )
    for key, words in (("classes", classes), ("purposes", purposes), ("modes", modes)):
        if not words:
            reader.report(key, "must name at least one value")
    tags = {
        tag: least
        for tag, value in reader.mapping(read.get("tags"), "tags").items()
        if (least := reader.choice(value, f"tags.{tag}", classes)) is not None
    }
    subjects = reader.words(read.get("subjects"), "subjects")
    for zone in subjects:
        reader.choice(zone, "subjects", zones.names)
    reader.finish()
    return LabelVocabulary(
        classes=classes,
        tags=tags,
        purposes=purposes,
        subjects=frozenset(subjects) | {GLOBAL},
        modes=modes,
        zones=zones,
        tenants=_read_tenants(tenants),
    )


def _read_tenants(
    mapping: Mapping[str, object], file: str = "tenants.yaml"
) -> dict[str, tuple[str, ...] | None]:
    """Read `tenants: {NAME: {apps: […]}}`; a tenant without `apps` may use any app name."""
    reader = Reader(file)
    tenants: dict[str, tuple[str, ...] | None] = {}
    declared = reader.mapping(reader.mapping(mapping, "", ("tenants",)).get("tenants"), "tenants")
    for name, value in declared.items():
        key = f"tenants.{name}"
        entry = reader.mapping(value, key, ("apps", "note"))
        apps = entry.get("apps")
        tenants[name] = None if apps is None else reader.words(apps, f"{key}.apps")
        for word in (name, *(tenants[name] or ())):
            if word == OTHER or "/" in word:
                reader.report(key, f"`{word}` cannot be a name", "`other` is reserved, `/` joins")
    reader.finish()
    return tenants


def _later(order: Sequence[str], floor: str, wanted: str | None, what: str) -> str:
    _among(floor, order, what)
    if wanted is None:
        return floor
    _among(wanted, order, what)
    return max(floor, wanted, key=order.index)


def _among(value: str, declared: Collection[str], what: str) -> None:
    if value not in declared:
        raise UnknownLabelError(
            f"{what} `{value[:80]}` is not declared: {nearest(value, declared)}"
        )

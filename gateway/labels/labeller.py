"""From a key's floor and the request's headers to its effective labels.

A header can raise the floor and never lower it, so a client cannot talk its data into a place
where its key may not send it.  Most requests say nothing: they share one record per key.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from gateway.errors import InvalidRequestError
from gateway.exchange import Principal
from policies.errors import UnknownLabelError
from policies.labels import Labels, LabelVocabulary, Wanted
from policies.zones import GLOBAL

# Read-only by type; a proxy could not be encoded into the row that carries it.
FROM_KEY: Final[Mapping[str, str]] = {
    "class": "key",
    "tags": "key",
    "purpose": "key",
    "subjects": "key",
}
FLOORS: Final = 10_000
TAGS: Final = 32  # in one header

_PREFIX: Final = b"x-switchgear-"
_RAISING: Final = frozenset(
    (b"x-switchgear-class", b"x-switchgear-tags", b"x-switchgear-purpose",
     b"x-switchgear-subjects")
)  # fmt: skip


class Labeller:
    """Labels requests under one snapshot's vocabulary."""

    def __init__(self, vocabulary: LabelVocabulary, mode: str) -> None:
        self._vocabulary = vocabulary
        self._mode = mode
        self._floors: dict[str, Labels] = {}

    def floor(self, principal: Principal) -> Labels:
        """The key's own labels, normalised; as they are when the folder no longer declares them.

        An undeclared label permits nothing: policy refuses what it does not know.
        """
        found = self._floors.get(principal.key_id)
        if found is not None:
            return found
        labels = Labels(
            tenant=principal.tenant,
            app=principal.app,
            klass=principal.floor,
            tags=principal.tags,
            purpose=principal.purpose or self._vocabulary.purposes[0],
            subjects=GLOBAL,
            mode=self._mode,
        )
        with suppress(UnknownLabelError):
            labels = self._vocabulary.normalise(labels)
        if len(self._floors) >= FLOORS:
            self._floors.clear()
        self._floors[principal.key_id] = labels
        return labels

    def label(
        self, principal: Principal, headers: list[tuple[bytes, bytes]]
    ) -> tuple[Labels, Mapping[str, str]]:
        """The effective labels, and who raised each.  Raises InvalidRequestError."""
        floor = self.floor(principal)
        for name, _ in headers:
            if name.startswith(_PREFIX) and name in _RAISING:
                return self._raise(floor, headers)
        return floor, FROM_KEY

    def _raise(
        self, floor: Labels, headers: list[tuple[bytes, bytes]]
    ) -> tuple[Labels, Mapping[str, str]]:
        wanted = _read(headers)
        try:
            labels = self._vocabulary.raise_to(floor, wanted)
        except UnknownLabelError as error:
            raise InvalidRequestError(f"x-switchgear header: {error}") from None
        sources = dict(FROM_KEY)
        for name, before, after in zip(
            ("class", "tags", "purpose", "subjects"), floor[2:6], labels[2:6], strict=True
        ):
            if before != after:
                sources[name] = "header"
        return labels, sources


def _read(headers: list[tuple[bytes, bytes]]) -> Wanted:
    """What the headers ask for.  A header given twice is refused rather than chosen from."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name not in _RAISING:
            continue
        shown = name.decode()
        if name in found:
            raise InvalidRequestError(f"{shown} is given twice")
        try:
            found[name] = value.decode("ascii").strip()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{shown} must be ASCII") from None
    tags = [tag.strip() for tag in found.get(b"x-switchgear-tags", "").split(",")]
    if len(tags) > TAGS:
        raise InvalidRequestError(f"x-switchgear-tags has more than {TAGS} tags")
    return Wanted(
        klass=found.get(b"x-switchgear-class"),
        tags=frozenset(filter(None, tags)),
        purpose=found.get(b"x-switchgear-purpose"),
        subjects=found.get(b"x-switchgear-subjects"),
    )

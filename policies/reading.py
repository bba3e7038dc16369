"""Reads already parsed YAML mappings strictly: unknown keys and wrong types become problems.

pydantic belongs where untrusted text enters (`gateway/config`); this package takes plain
mappings, and its own shapes are small enough for plain checks.
"""

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from policies.errors import PolicyError, Problem, nearest

NAME_SIZE_MAX = 200


class Reader:
    """Collects the problems of one file while its parts are read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def report(self, key: str, message: str, remedy: str = "") -> None:
        """Note one problem and go on, so that all are told at once."""
        self.problems.append(
            Problem(file=self.file, key=key, message=message, remedy=remedy),
        )

    def finish(self) -> None:
        """Raises PolicyError if anything was reported."""
        if self.problems:
            raise PolicyError(self.problems)

    def mapping(
        self, value: object, key: str, known: Iterable[str] | None = None
    ) -> Mapping[str, object]:
        """A mapping with text keys; with `known`, no other keys.  Absent reads as empty."""
        if value is None:
            return {}
        if not is_mapping(value):
            self.report(key, f"must be a mapping, is {kind_of(value)}")
            return {}
        known = None if known is None else tuple(known)
        for name in value:
            if known is not None and name not in known:
                self.report(f"{key}.{name}".lstrip("."), "unknown key", nearest(name, known))
        return value

    def words(self, value: object, key: str) -> tuple[str, ...]:
        """A list of non-empty texts without repetition.  Absent reads as empty."""
        if value is None:
            return ()
        if not isinstance(value, list | tuple | set | frozenset):
            self.report(key, f"must be a list of names, is {kind_of(value)}")
            return ()
        words = [word for item in value if (word := self.word(item, key)) is not None]
        repeated = sorted({word for word in words if words.count(word) > 1})
        if repeated:
            self.report(key, f"names {', '.join(repeated)} more than once")
        return tuple(words)

    def word(self, value: object, key: str) -> str | None:
        """A non-empty text of at most 200 characters."""
        if value is True or value is False:
            # YAML 1.1 reads a bare `no` as false: Norway's code needs quotes.
            self.report(key, f"must be a name, is {kind_of(value)}", "put the name in quotes")
            return None
        if not isinstance(value, str) or not 0 < len(value) <= NAME_SIZE_MAX:
            self.report(key, f"must be a name of 1 to {NAME_SIZE_MAX} characters")
            return None
        return value

    def text(self, value: object, key: str) -> str:
        """Free text for people.  Absent reads as empty."""
        if value is not None and not isinstance(value, str):
            self.report(key, f"must be a text, is {kind_of(value)}")
        return value if isinstance(value, str) else ""

    def choice(self, value: object, key: str, known: Iterable[str]) -> str | None:
        """One of `known`, or None with a problem."""
        word = self.word(value, key)
        known = tuple(known)
        if word is not None and word not in known:
            self.report(key, f"has the unknown value `{word}`", nearest(word, known))
            return None
        return word


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """True for a mapping whose keys are all texts."""
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def kind_of(value: object) -> str:
    """What YAML would call the value."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping with keys that are no text" if not is_mapping(value) else "a mapping"
        case _:
            return f"of type {type(value).__name__}"

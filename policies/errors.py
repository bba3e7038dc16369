"""What is wrong with a policy folder, told so that its author can mend it.

`gateway/config` adds the line of a YAML key; Cedar texts get the line of their statement here.
All problems of one load are collected, because mending them one reload at a time is no way to
spend an outage.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: where, what, and the nearest right thing."""

    file: str
    key: str  # dotted path in a YAML file, or the id of a rule
    message: str
    remedy: str = ""
    line: int = 0  # counted from 1; 0 when not known

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.key}: " if self.key else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}: {subject}{self.message}{remedy}"


class PolicyError(Exception):
    """Facts, labels, zones or rules cannot be loaded; `problems` has every reason found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UnknownLabelError(Exception):
    """A label has a value that `labels.yaml` or `tenants.yaml` does not declare."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt word: the closest known one, or all of them if they are few."""
    options = sorted(known)
    folded = {option.casefold(): option for option in options}
    begun = [option for option in folded if option.startswith(word.casefold())]
    close = begun if len(begun) == 1 else get_close_matches(word.casefold(), folded, n=1)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if not options:
        return "none is declared"
    shown = ", ".join(options[:12]) + (", …" if len(options) > 12 else "")
    return f"known: {shown}"

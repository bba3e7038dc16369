"""What one load has found: every problem and every warning, each with its place."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from gateway.errors import ConfigError, Problem

KeyPath = Sequence[str | int]
"""From the top of a file to a value: keys of mappings and positions in lists."""

# The openings of well-known keys, and runs of letters and digits that no name is likely to have.
_SECRET: Final = re.compile(
    r"\b(?:sk-|gsk_|xai-|AIza|hf_|nvapi-|fw_|csk-|AKIA)[A-Za-z0-9_-]{12,}"
    r"|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{24,}"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)

# Nobody reads the thousandth; a file of nonsense must not cost more than its size.
MOST: Final = 1_000


@dataclass(slots=True)
class Findings:
    """Collects while a folder is read; the whole list comes out at once."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether more errors would not be kept: whoever finds them may stop."""
        return len(self.errors) >= MOST

    def error(self, file: str, line: int, key: str, message: str, remedy: str = "") -> None:
        """What cannot be served."""
        _add(self.errors, file, line, key, message, remedy)

    def warn(self, file: str, line: int, key: str, message: str, remedy: str = "") -> None:
        """What can be served and should be known."""
        _add(self.warnings, file, line, key, message, remedy)

    def raise_errors(self) -> None:
        """Raises ConfigError with all errors in the order of file and line, if there are any."""
        if self.errors:
            raise ConfigError(in_order(self.errors))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by file and line, each said once."""
    return sorted(set(problems), key=lambda p: (p.file, p.line, p.key, p.message))


def dotted(path: KeyPath) -> str:
    """`deployments.aurora-large.lacks[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return _shown(text, 200)


def quoted(value: object) -> str:
    """A value for a message: short, without control characters, and never a likely secret."""
    return f"`{_shown(str(value), 80)}`"


def nearest(word: str, known: Iterable[str], kind: str = "") -> str:
    """Name the known word that was probably meant, or some of those that there are."""
    names = sorted(known)
    folded = {name.lower().replace("-", "_"): name for name in names}
    close = get_close_matches(word[:100].lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if not names:
        return f"there is no {kind} yet" if kind else ""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known: {shown}"


def _add(to: list[Problem], file: str, line: int, key: str, message: str, remedy: str) -> None:
    if len(to) < MOST:
        to.append(Problem(file=file, line=line, key=key, message=message, remedy=remedy))


def _shown(text: str, most: int) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text[: 4 * most])
    clean = _SECRET.sub("(hidden)", clean)
    return clean if len(clean) <= most else f"{clean[:most]}…"

"""Tell whether the model that answered is the one that was asked.

Vendors answer an alias with the dated name that it stands for.  A date or a version behind the
name is the same model; another family, size or edition is a substitute, as is a name with a path
or a suffix that nobody declared.  A single digit is no version: `opus-4-1` is not `opus-4`.
Sources: OpenAI `gpt-x-2024-08-06`, `-0613`; Anthropic `-20250805`, `-latest`; Mistral `-2411`;
Vertex `@20250805`, `-001`; Bedrock `-20250805-v1:0`; model pages, read 2026-11-24.
"""

import re
from typing import Final

_LATEST: Final = "-latest"
_DATE: Final = r"20\d{2}-[01]\d-[0-3]\d|20\d{2}[01]\d[0-3]\d"
_SHORT: Final = r"\d{3,4}"  # `-001`, `-0613`, `-2411`
_VERSION: Final = r"v\d{1,3}(?::\d{1,3})?"
_SUFFIX: Final = re.compile(
    rf"-(?:{_DATE})(?:-{_VERSION})?|-{_SHORT}|-{_VERSION}|@(?:{_DATE}|{_SHORT}|default)|-latest",
    re.ASCII,  # `\d` takes the digits of every script otherwise
)


def matches(answered: str, expected: tuple[str, ...]) -> bool:
    """Whether `answered` is one of the names, or one of them with a date or version behind it.

    A name that ends in `-latest` stands for every date and version of what is before it.
    """
    return any(answered == name or _is_dated(answered, name) for name in expected)


def _is_dated(answered: str, name: str) -> bool:
    stem = name.removesuffix(_LATEST)
    if not stem or not answered.startswith(stem):
        return False
    return _SUFFIX.fullmatch(answered, len(stem)) is not None

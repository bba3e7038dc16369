"""Writes a config folder for what was found.  Whole or not at all, and never over anything.

Facts are the cautious ones: what nobody has signed or measured stays unknown, and unknown is the
worst value.  So a fresh folder serves public data widely and little else, until the operator
states what holds.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from gateway.config.discover import Discovery, Found
from gateway.errors import SwitchgearError

PACK: Final = "starter"
ADMIN_KEY_FILE: Final = "admin.key"


class FolderTakenError(SwitchgearError):
    """Something is there already; the text says what and what to do."""


def write_folder(folder: Path, discovery: Discovery, make_token: Callable[[], str]) -> list[Path]:
    """Write all files beside the folder and move them there at once; returns their paths.

    Modes are 0700 and 0600.  Raises FolderTakenError, OSError.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise FolderTakenError(
            f"{folder} is there already and nothing was changed; "
            "move it away, or name another folder with --config"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name}.{os.getpid()}.draft"
    draft.mkdir(mode=0o700)
    try:
        _write(draft / "gateway.yaml", _GATEWAY)
        _write(draft / ADMIN_KEY_FILE, make_token() + "\n")
        _write(draft / "supply.yaml", render_supply(discovery))
        _copy(resources.files("policies") / "packs" / PACK, draft / "policies")
        os.rename(draft, folder)  # onto nothing or an empty folder; anything else is an error
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return sorted(path for path in folder.rglob("*") if path.is_file())


def render_supply(discovery: Discovery) -> str:
    """`supply.yaml` for what was found, with the reference in comments."""
    parts = [_SUPPLY_HEAD]
    parts.extend(f"# {remark}\n" for remark in discovery.remarks)
    for section, lines in (
        ("accounts", [line for found in discovery.found for line in _account(found)]),
        ("deployments", [line for found in discovery.found for line in _deployments(found)]),
        ("routes", list(_routes(discovery))),
    ):
        parts.append(f"\n{section}:" + ("\n" + "\n".join(lines) if lines else " {}") + "\n")
    parts.append(_SUPPLY_TAIL)
    return "".join(parts)


def _account(found: Found) -> Iterator[str]:
    yield f"  {found.account}:  # found: {found.source}"
    yield f"    vendor: {found.vendor}"
    if found.credential is not None:
        yield f"    credential: {found.credential}"
    if found.base_url is not None:
        yield f"    base_url: {found.base_url}"
    if found.place:
        yield f"    place: {found.place}  # what is promised least; see the vendor's fact sheet"
    if found.is_local:
        yield "    # State what you know of this machine; until then policy assumes the worst:"
        yield "    # facts: {hosting: on_prem, processing: DE, storage: DE, law: DE,"
        yield "    #         parent_law: DE, reachable_by: [], subprocessors: [],"
        yield "    #         retention_days: 0, evidence: [{source: our rack, as_of: 2026-11-24}]}"
    else:
        yield "    # State what you have signed, and where that stands:"
        yield "    # facts: {dpa: true, evidence: [{source: our contract, as_of: 2026-11-24}]}"


def _deployments(found: Found) -> Iterator[str]:
    for model in found.models:
        yield f"  {model.name}:"
        yield f"    account: {found.account}"
        yield f'    model: "{model.model}"'


def _routes(discovery: Discovery) -> Iterator[str]:
    """One route over everything, own machines first, and one for each model alone."""
    ordered = sorted(discovery.found, key=lambda found: not found.is_local)
    names = [model.name for found in ordered for model in found.models]
    if names:
        yield f"  default: [{', '.join(names)}]"
    yield from (f"  {name}: [{name}]" for name in names)


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(mode=0o700)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        elif not entry.name.startswith("."):
            _write(target / entry.name, entry.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


_GATEWAY: Final = f"""\
# How the process listens, what it may hold, where it writes.  Every key: docs/reference/config.md

listen:
  data: {{host: 127.0.0.1, port: 8080}}   # applications: http://127.0.0.1:8080/v1
  admin:                                # operators and Prometheus
    host: 127.0.0.1                     # anything but loopback needs `tls` too
    port: 8081
    key: file:{ADMIN_KEY_FILE}                 # made by `switchgear init`

data_dir: ../data   # keys and ledger; relative to this file
"""

_SUPPLY_HEAD: Final = """\
# With whom there are contracts, what they serve, and under which names applications ask for it.
# Every key: docs/reference/config.md.  `switchgear check` reads this folder and tells all problems.
# Models are documented names: look whether yours are among them.
"""

_SUPPLY_TAIL: Final = """
# More, to copy:
#
# accounts:
#   openai-eu:
#     vendor: openai
#     credential: env:OPENAI_API_KEY      # or file:/run/secrets/openai; never the key itself
#     place: eu                           # an endpoint of the vendor's fact sheet
#     facts:                              # what your contract changes
#       dpa: true
#       retention_days: 0
#       evidence: [{source: "amendment 12", as_of: 2026-05-01, expires: 2027-05-01}]
# deployments:
#   qwen-rack-1:
#     account: home-vllm
#     model: Qwen/Qwen3-32B
#     base_url: https://gpu1.internal:8000/v1
#     networks: [10.0.0.0/8]              # where that name may lead
#     ca_file: internal-ca.pem
#     lacks: [logprobs]
#     context_tokens: 32768
#     price: {currency: EUR, input: 0.10, output: 0.30}   # per million tokens
# routes:
#   chat:
#     tiers: [qwen-rack-1, [gpt-eu, mistral-eu]]   # best first; a list shares the load
#     deadlines: {first_token_s: 20}
#     strict: true
"""

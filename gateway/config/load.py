"""A config folder becomes one record, or one error that lists everything wrong with it.

Nothing here serves anything: `check` loads and throws away, `reload` loads beside what serves.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from gateway.catalog import Catalog
from gateway.clock import SYSTEM_CLOCK, Clock
from gateway.config.document import Document, read_document
from gateway.config.findings import Findings, in_order
from gateway.config.listeners import check_listeners
from gateway.config.policy import load_policy
from gateway.config.schema import FILES, Gateway, Supply
from gateway.config.secrets import Secret, UnreadableSecretError, read_secret
from gateway.config.settings import Flags, overlay
from gateway.config.supply import Supplied, Surroundings, build
from gateway.config.validation import validate, validate_entries
from gateway.errors import ConfigError, Problem
from policies import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """All that one reading of the folder declares."""

    folder: Path
    settings: Gateway
    data_dir: Path
    admin_key: str | None = field(repr=False)
    catalog: Catalog
    policy: Policy
    secret_files: tuple[Path, ...]
    warnings: tuple[Problem, ...]


def load(
    folder: Path,
    flags: Flags | None = None,
    environment: Mapping[str, str] = os.environ,
    clock: Clock = SYSTEM_CLOCK,
) -> Loaded:
    """Read the folder.  Raises ConfigError with all its problems, in order of file and line.

    Takes tens of milliseconds, reads files and holds the GIL in parts: it belongs in a thread.
    """
    try:
        return _load(folder, flags, environment, clock)
    except OSError as error:
        # A folder that may not be listed, or a disk that fails under it.
        where = str(error.filename or folder)
        message = f"cannot be read: {error.strerror}"
        raise ConfigError([Problem(file=where, line=0, key="", message=message)]) from None


def _load(
    folder: Path, flags: Flags | None, environment: Mapping[str, str], clock: Clock
) -> Loaded:
    findings = Findings()
    _check_folder(folder)
    _refuse_misspelt(folder, findings)
    gateway, admin_secret = _gateway(folder, flags, environment, findings)
    document = _read(folder, "supply.yaml", findings)
    surroundings = Surroundings(
        folder=folder,
        environment=environment,
        today=datetime.fromtimestamp(clock.wall(), UTC).date(),
    )
    supplied = _supply(document, surroundings, findings)
    # Rules that name deployments can be judged only when all of those stand.
    facts = supplied.facts.values() if supplied is not None and not findings.errors else None
    policy = load_policy(folder / "policies", facts, document, findings)
    findings.raise_errors()
    assert gateway is not None and supplied is not None, "what is missing has been reported"
    assert policy is not None, "what is wrong has been reported"
    secrets = (*supplied.secrets, *((admin_secret,) if admin_secret is not None else ()))
    return Loaded(
        folder=folder,
        settings=gateway,
        data_dir=folder / gateway.data_dir,
        admin_key=admin_secret.value if admin_secret is not None else None,
        catalog=supplied.catalog,
        policy=policy,
        secret_files=tuple(secret.path for secret in secrets if secret.path is not None),
        warnings=tuple(in_order(findings.warnings)),
    )


def _check_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    what = "is not a folder" if folder.exists() else "there is no such folder"
    remedy = f"`switchgear init --config {folder}` writes one"
    raise ConfigError([Problem(file=str(folder), line=0, key="", message=what, remedy=remedy)])


def _gateway(
    folder: Path, flags: Flags | None, environment: Mapping[str, str], findings: Findings
) -> tuple[Gateway | None, Secret | None]:
    document = _read(folder, "gateway.yaml", findings)
    written = validate(document, Gateway, findings) if document is not None else None
    if document is None or written is None:
        return None, None
    gateway = overlay(written, flags) if flags is not None else written
    check_listeners(document, gateway, folder, findings)
    return gateway, _admin_secret(document, gateway, folder, environment, findings)


def _admin_secret(
    document: Document,
    gateway: Gateway,
    folder: Path,
    environment: Mapping[str, str],
    findings: Findings,
) -> Secret | None:
    reference = gateway.listen.admin.key
    if reference is None:
        return None
    line = document.line(("listen", "admin", "key"))
    try:
        secret = read_secret(reference, folder, environment)
    except UnreadableSecretError as error:
        findings.error(document.name, line, "listen.admin.key", str(error), error.remedy)
        return None
    if len(secret.value) < 16:
        findings.error(
            document.name, line, "listen.admin.key", "is shorter than 16 characters",
            "`openssl rand -hex 32` makes a good one",
        )  # fmt: skip
    if secret.is_readable_by_all:
        message = f"{secret.path} can be read by every user"
        findings.warn(document.name, line, "listen.admin.key", message, "chmod 600")
    return secret


def _supply(
    document: Document | None, surroundings: Surroundings, findings: Findings
) -> Supplied | None:
    if document is None:
        return None
    written, wrong = validate_entries(document, Supply, findings)
    if written is None:
        return None
    return build(document, written, wrong, surroundings, findings)


def _refuse_misspelt(folder: Path, findings: Findings) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".yaml", ".yml") or path.name in FILES:
            continue
        close = get_close_matches(path.name, FILES, n=1, cutoff=0.75)
        if close:
            remedy = f"did you mean `{close[0]}`?"
            findings.error(str(path), 0, "", "is a file that nothing reads", remedy)


def _read(folder: Path, name: str, findings: Findings) -> Document | None:
    return read_document(folder / name, str(folder / name), findings)

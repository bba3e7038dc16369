"""The folder `policies/`: its files read within bounds, handed to `policies`, problems with lines.

`policies` knows texts and mappings; only here is a file's name and the line of a key known.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from gateway.config.document import FILE_BYTES, Document, read_document
from gateway.config.files import read_file
from gateway.config.findings import Findings, dotted
from policies import Facts, Policy, PolicyError, Problem, build_policy
from policies.reading import is_mapping

SCHEMA_FILE: Final = "schema.cedarschema"
YAML_FILES: Final = ("zones.yaml", "labels.yaml", "tenants.yaml")
CEDAR_FILES_MOST: Final = 200


def load_policy(
    folder: Path, facts: Iterable[Facts] | None, supply: Document | None, findings: Findings
) -> Policy | None:
    """Build the policy over these facts; None when it cannot, and then `findings` says why.

    Without facts, because `supply.yaml` is wrong, rules are judged as far as that goes.
    """
    if not folder.is_dir():
        findings.error(
            str(folder), 0, "", "there is no such folder", "`switchgear init` writes one"
        )
        return None
    _refuse_strangers(folder, findings)
    documents = {
        name: read_document(folder / name, str(folder / name), findings) for name in YAML_FILES
    }
    schema = _read_text(folder / SCHEMA_FILE, findings)
    rules = _read_rules(folder, findings)
    mappings = {name: _mapping(document, findings) for name, document in documents.items()}
    zones, labels, tenants = (mappings[name] for name in YAML_FILES)
    if schema is None or rules is None or zones is None or labels is None or tenants is None:
        return None
    try:
        return build_policy(
            schema=schema,
            policies=rules,
            zones=zones,
            labels=labels,
            tenants=tenants,
            facts=facts or (),
        )
    except PolicyError as error:
        for problem in error.problems:
            if facts is not None or "Deployment::" not in problem.message:
                _report(problem, folder, documents, supply, findings)
        return None


def _report(
    problem: Problem,
    folder: Path,
    documents: Mapping[str, Document | None],
    supply: Document | None,
    findings: Findings,
) -> None:
    document = documents.get(problem.file)
    if problem.file == "facts" and supply is not None:
        name, _, fact = problem.key.rpartition(".")
        path = _where_stated(supply, name or problem.key, fact)
        findings.error(
            supply.name, supply.line(path), dotted(path), problem.message, problem.remedy
        )
        return
    line = problem.line or (document.line_of(problem.key) if document is not None else 0)
    findings.error(str(folder / problem.file), line, problem.key, problem.message, problem.remedy)


def _where_stated(supply: Document, deployment: str, fact: str) -> tuple[str, ...]:
    """The line that states the fact: the deployment's, its account's, or the deployment itself."""
    own = ("deployments", deployment, "facts", fact)
    if supply.node(own) is not None:
        return own
    account = supply.node(("deployments", deployment, "account"))
    inherited = ("accounts", str(account.value) if account is not None else "", "facts", fact)
    return inherited if supply.node(inherited) is not None else own[:2]


def _refuse_strangers(folder: Path, findings: Findings) -> None:
    """A file that nobody reads is a rule that nobody applies."""
    known = (SCHEMA_FILE, *YAML_FILES)
    for path in sorted(folder.iterdir()):
        is_ours = path.name in known or path.suffix == ".cedar"
        if path.is_file() and not is_ours and path.suffix in (".yaml", ".yml", ".cedarschema"):
            close = get_close_matches(path.name, known, n=1, cutoff=0.6)
            remedy = (
                f"did you mean `{close[0]}`?" if close else f"known: *.cedar, {', '.join(known)}"
            )
            findings.error(str(path), 0, "", "is a file that nothing reads", remedy)


def _read_rules(folder: Path, findings: Findings) -> Mapping[str, str] | None:
    paths = sorted(folder.glob("*.cedar"))
    if not paths:
        remedy = "`switchgear init` writes a start"
        findings.error(str(folder), 0, "", "holds no *.cedar file: all would be refused", remedy)
        return None
    if len(paths) > CEDAR_FILES_MOST:
        findings.error(str(folder), 0, "", f"holds more than {CEDAR_FILES_MOST} *.cedar files")
        return None
    texts = {path.name: _read_text(path, findings) for path in paths}
    whole = {name: text for name, text in texts.items() if text is not None}
    return whole if len(whole) == len(texts) else None


def _read_text(path: Path, findings: Findings) -> str | None:
    try:
        return read_file(path, FILE_BYTES).data.decode("utf-8-sig")
    except FileNotFoundError:
        findings.error(str(path), 0, "", "this file is missing", "`switchgear init` writes one")
    except OSError as error:
        findings.error(str(path), 0, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        findings.error(str(path), 0, "", "is not UTF-8 text", "save the file as UTF-8")
    return None


def _mapping(document: Document | None, findings: Findings) -> Mapping[str, object] | None:
    if document is None:
        return None
    plain = document.root.plain()
    if is_mapping(plain):
        return plain
    findings.error(document.name, document.root.line, "", "must be a mapping of keys")
    return None

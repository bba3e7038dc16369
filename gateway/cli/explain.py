"""`switchgear explain`: who may serve a request, who may not, by which policy, and what would pass.

The same policy, labels and decisions as the data plane's, read from the folder as it is now; the
state of the supply (breakers, cuts) is a running gateway's and not looked at.  Exit status 3:
nobody may serve.
"""

import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.catalog import Route
from gateway.cli.terminal import AsJson, Folder, print_json
from gateway.config.findings import nearest, quoted
from gateway.config.load import Loaded, load
from gateway.config.settings import read_flags
from gateway.errors import SwitchgearError
from gateway.store.keys import KeyStore, StoredKey, digest, is_well_formed
from gateway.store.sqlite import Store
from policies import Explanation, Hop, Labels, UnknownLabelError, Wanted, explain
from policies.explain import Condition, Ground
from policies.zones import GLOBAL

app = typer.Typer()

NOBODY: Final = 3

Key = Annotated[
    str | None,
    typer.Option("--key", envvar="SWITCHGEAR_KEY", help="A key's id, or the key itself."),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where keys are, when not as in gateway.yaml.")
]
Words = Annotated[list[str] | None, typer.Option("--tags", help="Added; several by commas.")]
Model = Annotated[str, typer.Option("--model", help="The route, as applications name it.")]


class QuestionError(SwitchgearError):
    """The question names something that is not there; the text says what is nearest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One route under one set of labels."""

    route: Route
    labels: Labels
    explanations: tuple[Explanation, ...]

    @property
    def is_served(self) -> bool:
        """Whether anybody may serve."""
        return any(item.decision.is_permitted for item in self.explanations)


@app.command(help="Say who may serve a request, who may not, and why.")
def explain_request(
    model: Model,
    key: Key = None,
    tenant: Annotated[str | None, typer.Option(help="Instead of a key.")] = None,
    app_name: Annotated[str, typer.Option("--app", help="With --tenant.")] = "any",
    floor: Annotated[str | None, typer.Option(help="With --tenant: the key's class.")] = None,
    klass: Annotated[str | None, typer.Option("--class", help="Raises the class.")] = None,
    tags: Words = None,
    purpose: Annotated[str | None, typer.Option(help="Raises the purpose.")] = None,
    subjects: Annotated[str | None, typer.Option(help="Zone of the people in the data.")] = None,
    mode: Annotated[str, typer.Option(help="The gateway's mode.")] = "normal",
    hop: Annotated[Hop, typer.Option(help="What the request is.")] = Hop.INFER,
    config: Folder = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask policy about every deployment of the route."""
    flags = read_flags(config=config, data_dir=data_dir)
    loaded = load(flags.config, flags, os.environ)
    # First: the key may be one that the environment holds for other commands.
    if tenant is not None and floor is not None:
        base = _floor(loaded, tenant=tenant, app_name=app_name, klass=floor, mode=mode)
    elif key is not None:
        base = _floor_of_key(loaded, find_key(loaded.data_dir, key), mode)
    else:
        raise QuestionError("say whose request it is: --key, or --tenant and --floor")
    wanted = Wanted(
        klass=klass,
        tags=frozenset(tag for given in tags or () for tag in given.split(",") if tag),
        purpose=purpose,
        subjects=subjects,
    )
    answer = ask(loaded, model, base, wanted, hop)
    if as_json:
        print_json(_describe(loaded, answer))
    else:
        _show(loaded, answer)
    if not answer.is_served:
        raise typer.Exit(NOBODY)


def ask(loaded: Loaded, model: str, floor: Labels, wanted: Wanted, hop: Hop) -> Answer:
    """Decide for each deployment of the route.  Raises QuestionError."""
    route = loaded.catalog.routes.get(model)
    if route is None:
        known = nearest(model, loaded.catalog.routes, "route")
        raise QuestionError(f"there is no route {quoted(model)} ({known})")
    try:
        labels = loaded.policy.vocabulary.raise_to(floor, wanted)
        explanations = tuple(
            explain(loaded.policy.engine, labels, deployment.name, hop)
            for deployment in route.deployments
        )
    except UnknownLabelError as error:
        raise QuestionError(str(error)) from None
    return Answer(route=route, labels=labels, explanations=explanations)


def find_key(data_dir: Path, key: str) -> StoredKey:
    """The stored key of that id, or with that secret.  Raises QuestionError, StoreError."""
    store = Store(data_dir)
    store.prepare(must_exist=True)
    wanted = digest(key.encode()) if is_well_formed(key) else b""
    for stored in KeyStore(store).all():
        if stored.id == key or hmac.compare_digest(stored.digest, wanted):
            if stored.revoked_at is not None:
                raise QuestionError(f"{stored.id} is revoked: every request is answered 401")
            return stored
    # The text may be a secret with a letter missing, so it is not repeated.
    raise QuestionError("there is no such key; `switchgear key list` shows the ids")


def _floor_of_key(loaded: Loaded, key: StoredKey, mode: str) -> Labels:
    grant = key.grant
    floor = _floor(loaded, tenant=grant.tenant, app_name=grant.app, klass=grant.floor, mode=mode)
    purpose = grant.purpose if grant.purpose is not None else floor.purpose
    return floor._replace(tags=frozenset(grant.tags), purpose=purpose)


def _floor(loaded: Loaded, *, tenant: str, app_name: str, klass: str, mode: str) -> Labels:
    """Nothing said: the first purpose, and people from anywhere."""
    return Labels(
        tenant=tenant,
        app=app_name,
        klass=klass,
        tags=frozenset(),
        purpose=loaded.policy.vocabulary.purposes[0],
        subjects=GLOBAL,
        mode=mode,
    )


def _show(loaded: Loaded, answer: Answer) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    labels = answer.labels
    tags = ", ".join(sorted(labels.tags)) or "no tags"
    print(
        f"{answer.route.name}: {labels.tenant}/{labels.app}, {labels.klass}, {tags}, "
        f"{labels.purpose}, subjects {labels.subjects}, mode {labels.mode}"
    )
    for explanation in answer.explanations:
        style = "green" if explanation.decision.is_permitted else "red"
        first, *rest = explanation.lines()
        console.print(Text(first, style=style), soft_wrap=True)
        # Why something is permitted is the two broad permits; why not is what people ask.
        shown = rest if not explanation.decision.is_permitted else ()
        for line in shown:
            console.print(Text(line), soft_wrap=True)
    served = [e.deployment_id for e in answer.explanations if e.decision.is_permitted]
    verdict = f"may serve: {', '.join(served)}" if served else "nobody may serve: 403"
    print(f"{verdict} (policy {loaded.policy.digest_shown})")


def _describe(loaded: Loaded, answer: Answer) -> dict[str, object]:
    labels = answer.labels._asdict() | {"tags": sorted(answer.labels.tags)}
    labels["class"] = labels.pop("klass")
    return {
        "ok": True,
        "policy": loaded.policy.digest,
        "route": answer.route.name,
        "labels": labels,
        "is_served": answer.is_served,
        "deployments": [
            {
                "deployment": item.deployment_id,
                "is_permitted": item.decision.is_permitted,
                "policies": item.decision.policies,
                "errors": item.decision.errors,
                "grounds": [_describe_ground(ground) for ground in item.grounds],
            }
            for item in answer.explanations
        ],
    }


def _describe_ground(ground: Ground) -> dict[str, object]:
    return {
        "policy": ground.id,
        "effect": ground.effect,
        "reason": ground.reason,
        "law": ground.law,
        "override": ground.override,
        "file": ground.file,
        "line": ground.line,
        "because": [_describe_condition(item) for item in ground.because],
        "would_pass_if": [[_describe_condition(item) for item in way] for way in ground.ways],
    }


def _describe_condition(condition: Condition) -> dict[str, object]:
    return {"text": condition.text, "holds": condition.holds, "facts": condition.facts}

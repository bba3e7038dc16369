"""One number for everything that decisions depend on, free of spelling, comments and order."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields

from policies.facts import Facts
from policies.labels import LabelVocabulary
from policies.rules import Rule, strip_comments


def compute_digest(
    *,
    schema: str,
    rules: Mapping[str, Rule],
    vocabulary: LabelVocabulary,
    facts: Mapping[str, Facts],
) -> str:
    """SHA-256 in hex over the canonical JSON of schema, rules, facts, zones and labels."""
    zones = vocabulary.zones
    content = {
        "schema": " ".join(strip_comments(schema).split()),
        "rules": {rule.id: rule.form for rule in rules.values()},
        "facts": {id: _describe(item) for id, item in facts.items()},
        "zones": {name: sorted(parents) for name, parents in zones.parents.items()},
        "labels": {
            "classes": vocabulary.classes,
            "tags": dict(vocabulary.tags),
            "purposes": vocabulary.purposes,
            "subjects": sorted(vocabulary.subjects),
            "modes": vocabulary.modes,
        },
        "tenants": {
            name: None if apps is None else sorted(apps)
            for name, apps in vocabulary.tenants.items()
        },
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(facts: Facts) -> dict[str, object]:
    described: dict[str, object] = {}
    for field in fields(facts):
        value = getattr(facts, field.name)
        if isinstance(value, frozenset):
            described[field.name] = sorted(value)
        elif field.name == "evidence":
            described[field.name] = [
                [item.source, item.as_of, item.confidence, str(item.expires)] for item in value
            ]
        else:
            described[field.name] = value
    return described

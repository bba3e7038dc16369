"""May this request reach that deployment?  Rules in Cedar, facts in YAML, decisions in a table.

Pure: texts and parsed mappings come in, records and decisions go out.  `gateway/config` reads the
files, builds in a thread (parsing releases the GIL where cedarpy allows it), and swaps whole
policies.

    row = read_vendor(yaml_of("catalogue/mistral.yaml")).rows["eu"]
    facts = row.make_facts(id="large-eu", account="mistral-main", model="mistral-large",
                           contract={"dpa": True})
    policy = build_policy(schema=…, policies={"20-eu.cedar": …}, zones=…, labels=…, tenants=…,
                          facts=[facts])                    # raises PolicyError: .problems

    floor = Labels("acme", "web", "internal", frozenset(), "production", "EU")
    labels = policy.vocabulary.raise_to(floor, Wanted(klass="confidential"))   # UnknownLabelError
    key = policy.vocabulary.canonical(labels)               # once a request
    while policy.table.fill(key, ids, Hop.INFER):           # 20 decisions a turn of the loop
        await asyncio.sleep(0)
    policy.table.permits(key, "large-eu", Hop.INFER)        # hot; False for what is not filled
    policy.table.decide(key, "large-eu", Hop.INFER)         # before an attempt: newest policy
    explain(policy.engine, labels, "large-eu", Hop.INFER).lines()

`catalogue/` holds dated facts about vendors, `packs/` whole policy folders to start from.
"""

from policies.engine import Decision, PolicyEngine
from policies.errors import PolicyError, Problem, UnknownLabelError
from policies.explain import Explanation, explain
from policies.facts import Evidence, Facts, read_facts
from policies.labels import Hop, Labels, LabelVocabulary, Wanted
from policies.policy import Policy, build_policy
from policies.table import DecisionTable
from policies.vendor_facts import VendorFacts, VendorRow, read_vendor
from policies.zones import Zones

__all__ = [
    "Decision",
    "DecisionTable",
    "Evidence",
    "Explanation",
    "Facts",
    "Hop",
    "LabelVocabulary",
    "Labels",
    "Policy",
    "PolicyEngine",
    "PolicyError",
    "Problem",
    "UnknownLabelError",
    "VendorFacts",
    "VendorRow",
    "Wanted",
    "Zones",
    "build_policy",
    "explain",
    "read_facts",
    "read_vendor",
]

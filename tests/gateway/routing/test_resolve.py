"""Which deployments can carry a request at all."""

import pytest

from gateway.catalog import Deployment, Route
from gateway.errors import InvalidRequestError, UnknownModelError
from gateway.routing.resolve import Way, find_route, find_way, pass_over
from providers import registry
from providers.contract import ClientRequest, Dialect, Feature
from tests.core_rig import catalog_of, chat, deployment

CHAT, ANTHROPIC = Dialect.OPENAI_CHAT, Dialect.ANTHROPIC_MESSAGES
TOOL = {"type": "function", "function": {"name": "f"}}


def request(**fields: object) -> ClientRequest:
    return registry.dialect(CHAT).read(chat(**fields))


def ways(*deployments: Deployment, client: Dialect = CHAT) -> dict[str, Way]:
    found = {d.name: find_way(d, client) for d in deployments}
    return {name: way for name, way in found.items() if way is not None}


def route(*deployments: Deployment) -> Route:
    return catalog_of([deployments]).routes["chat"]


def test_own_dialect_is_preferred_to_a_translation() -> None:
    both = deployment("both", endpoints={ANTHROPIC: "/messages", CHAT: "/chat"})
    way = find_way(both, CHAT)
    assert way is not None and way.pair.upstream is CHAT
    assert way.path == "/v1/chat"


def test_translation_is_taken_where_it_is_the_only_way() -> None:
    other = deployment("other", vendor="anthropic")
    way = find_way(other, CHAT)
    assert way is not None and way.pair.upstream is ANTHROPIC


def test_dialect_that_no_translation_reaches_has_no_way() -> None:
    assert find_way(deployment("other", vendor="anthropic"), Dialect.OPENAI_EMBEDDINGS) is None


def test_what_is_lost_is_the_sum_of_vendor_deployment_and_translation() -> None:
    poor = deployment("poor", vendor="anthropic", lacks=frozenset((Feature.TOOLS,)))
    way = find_way(poor, CHAT)
    assert way is not None
    assert {Feature.TOOLS, Feature.MULTIPLE_CHOICES, Feature.LOGPROBS} <= way.lacks


def test_unknown_model_is_refused_without_repeating_it() -> None:
    with pytest.raises(UnknownModelError) as refused:
        find_route(catalog_of([[deployment("a")]]), "<script>")
    assert "script" not in str(refused.value)


def test_deployment_that_lacks_a_feature_is_passed_over() -> None:
    able, poor = deployment("able"), deployment("poor", lacks=frozenset((Feature.TOOLS,)))
    found = ways(able, poor)
    assert pass_over(found, request(tools=[TOOL]), route(able, poor)) == {"poor"}
    assert pass_over(found, request(), route(able, poor)) == frozenset()


def test_feature_that_nobody_has_is_named() -> None:
    one, two = (
        deployment("one", lacks=frozenset((Feature.TOOLS,))),
        deployment("two", lacks=frozenset((Feature.TOOLS, Feature.MULTIPLE_CHOICES))),
    )
    with pytest.raises(InvalidRequestError, match="chat can honour: n, tools"):
        pass_over(ways(one, two), request(tools=[TOOL], n=2), route(one, two))


def test_route_that_does_not_speak_the_dialect_is_named() -> None:
    other = deployment("other", vendor="anthropic")
    asked = registry.dialect(Dialect.OPENAI_EMBEDDINGS).read(b'{"model":"chat","input":"x"}')
    found = ways(other, client=Dialect.OPENAI_EMBEDDINGS)
    with pytest.raises(InvalidRequestError, match="no deployment of chat speaks openai_embeddings"):
        pass_over(found, asked, route(other))


def test_deployment_in_two_tiers_counts_once() -> None:
    both = deployment("both")
    twice = catalog_of([[both], [both]]).routes["chat"]
    assert pass_over(ways(both), request(), twice) == frozenset()

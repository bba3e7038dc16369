"""The list of models: the routes that a key may use, which is what policy permits at its floor."""

import asyncio

import msgspec

from gateway.catalog import Route
from gateway.exchange import Principal
from gateway.pipeline import Pipeline
from gateway.routing.clearance import Clearance
from policies.labels import Labels

OWNER = "switchgear"


async def describe_all(pipeline: Pipeline, principal: Principal) -> bytes:
    """The body of `/v1/models`."""
    clearance, labels = pipeline.view(principal)
    routes = clearance.snapshot.catalog.routes.values()
    seen = [_model(route) for route in routes if await _sees(clearance, labels, route)]
    return msgspec.json.encode({"object": "list", "data": seen})


async def describe(pipeline: Pipeline, principal: Principal, name: str) -> bytes | None:
    """The body of `/v1/models/NAME`; None for a route that is not there or not permitted."""
    clearance, labels = pipeline.view(principal)
    route = clearance.snapshot.catalog.routes.get(name)
    if route is None or not await _sees(clearance, labels, route):
        return None
    return msgspec.json.encode(_model(route))


async def _sees(clearance: Clearance, labels: Labels, route: Route) -> bool:
    """Decide a few at a time, so that a long list does not hold the loop."""
    while not clearance.decide_some(labels, route):  # noqa: ASYNC110 - each turn does a part
        await asyncio.sleep(0)
    return clearance.sees(labels, route)


def _model(route: Route) -> dict[str, object]:
    # The field is required by clients; a route has no day on which it was made.
    return {"id": route.name, "object": "model", "created": 0, "owned_by": OWNER}

"""Which deployments of a route could serve this request at all, by format and by feature?

Policy is not asked here.  A deployment that would have to drop what the request uses (several
choices, a schema, tools) is passed over; when none is left the client hears which feature it
was, since no outage and no rule is to blame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.catalog import Catalog, Deployment, Route
from gateway.errors import InvalidRequestError, UnknownModelError
from providers import registry
from providers.contract import ClientRequest, Dialect, Feature, Pair

_STATELESS: Final = "send store: false, with the whole conversation as input and no stored prompt"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """How a client's dialect reaches a deployment, and what gets lost on it."""

    deployment: Deployment
    pair: Pair
    path: str  # of the URL, whole
    lacks: frozenset[Feature]


def find_way(deployment: Deployment, client: Dialect) -> Way | None:
    """The way that translates least: the client's own dialect, else the first pair there is."""
    spoken = sorted(deployment.endpoints, key=lambda upstream: upstream is not client)
    for upstream in spoken:
        pair = registry.pair(client, upstream)
        if pair is not None:
            return Way(
                deployment=deployment,
                pair=pair,
                path=deployment.base_path + deployment.endpoints[upstream],
                lacks=pair.lacks | deployment.lacks | deployment.account.vendor.lacks,
            )
    return None


def find_route(catalog: Catalog, model: str) -> Route:
    """Raises UnknownModelError."""
    route = catalog.routes.get(model)
    if route is None:
        raise UnknownModelError("no route has this name; /v1/models lists those that do")
    return route


def pass_over(ways: Mapping[str, Way], request: ClientRequest, route: Route) -> frozenset[str]:
    """Names of the route's deployments that can't serve the request.

    Raises InvalidRequestError when that is all of them.
    """
    wanted = request.features
    passed: set[str] = set()
    missing: set[Feature] = set()
    for deployment in route.deployments:
        way = ways.get(deployment.name)
        lacks = wanted & way.lacks if way else wanted
        if way is None or lacks:
            passed.add(deployment.name)
            missing |= lacks
    if len(passed) < len({d.name for d in route.deployments}):
        return frozenset(passed)
    if missing:
        names = ", ".join(sorted(missing))
        remedy = f"; {_STATELESS}" if Feature.STATEFUL in missing else ""
        raise InvalidRequestError(f"no deployment of {route.name} can honour: {names}{remedy}")
    raise InvalidRequestError(f"no deployment of {route.name} speaks {request.dialect}")

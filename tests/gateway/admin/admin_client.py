"""One request to the admin plane, as bytes."""

from tests.gateway.surface.raw_client import Reply, connect, get
from tests.house import House


async def ask(
    house: House, path: str, *fields: str, method: str = "GET", key: str | None = None
) -> Reply:
    authorization = [] if key is None else [f"authorization: Bearer {key}"]
    async with connect(house, house.admin_port) as raw:
        return await raw.send(get(path, *authorization, *fields, method=method)).reply()

"""What operators and Prometheus ask for.

Keyless are `/metrics`, `/livez` and `/readyz` alone.  Everything else is refused by default: the
router that holds it demands the admin key, so that a new route is guarded by being added.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.admission.keys import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What the admin plane can ask of the process."""

    registry: CollectorRegistry
    keys: Keys
    admin_key: Callable[[], str | None]
    is_ready: Callable[[], bool]
    reload: Callable[[], Awaitable[Mapping[str, object]]]
    status: Callable[[], Mapping[str, object]]
    supply: Callable[[], list[Mapping[str, object]]]
    restore: Callable[[str, str], bool]


def build_admin(operations: Operations) -> FastAPI:
    """The ASGI application of the admin port."""
    app = FastAPI(title="Switchgear admin", openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/metrics")
    async def metrics() -> Response:
        # Rendering takes milliseconds; in a thread it gives the loop a turn every five.
        text = await asyncio.to_thread(generate_latest, operations.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @app.get("/livez")
    async def live() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def ready() -> Response:
        is_ready = operations.is_ready()
        text = "ok\n" if is_ready else "not ready\n"
        return Response(text, 200 if is_ready else 503, media_type="text/plain")

    app.include_router(_guarded(operations))
    return app


def _guarded(operations: Operations) -> APIRouter:
    def demand_key(authorization: Annotated[str | None, Header()] = None) -> None:
        if not _is_admin(operations, authorization):
            raise HTTPException(401, "an admin key is needed: Authorization: Bearer …")

    router = APIRouter(prefix="/admin", dependencies=[Depends(demand_key)])

    @router.post("/reload")
    async def reload() -> JSONResponse:
        status = await operations.reload()
        return JSONResponse(dict(status), status_code=200 if not status["error"] else 422)

    @router.get("/status")
    async def status() -> JSONResponse:
        return JSONResponse(dict(operations.status()))

    @router.get("/supply")
    async def supply() -> JSONResponse:
        return JSONResponse({"elements": [dict(row) for row in operations.supply()]})

    @router.post("/supply/{scope}/{name}/restore")
    async def restore(scope: str, name: str) -> JSONResponse:
        """Bring back an account or deployment that a cut-off took out of service."""
        if not operations.restore(scope, name):
            raise HTTPException(404, "no such element; /admin/supply lists them")
        return JSONResponse({"scope": scope, "name": name, "state": "restored"})

    return router


def _is_admin(operations: Operations, authorization: str | None) -> bool:
    """The key of `gateway.yaml`, or a key of the store that was made with `--admin`."""
    if authorization is None or not authorization.isascii():
        return False
    principal = operations.keys.admit(authorization.encode())
    if principal is not None and principal.is_admin:
        return True
    known = operations.admin_key()
    scheme, _, sent = authorization.partition(" ")
    if known is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(known.encode(), sent.encode())

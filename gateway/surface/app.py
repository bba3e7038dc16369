"""The data plane's ASGI application: hot paths straight to the pipeline, FastAPI for the rest.

FastAPI's middleware and router cost more than the whole pipeline, so the hot path goes round
them.  What is left is small: the list of models, and the answers for what is not served.
"""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gateway.errors import (
    NotServedError,
    RequestError,
    UnknownModelError,
    UnknownPathError,
    WrongMethodError,
)
from gateway.pipeline import Pipeline
from gateway.surface.asgi import Message, Receive, Send, serve
from gateway.surface.models import describe, describe_all
from gateway.surface.paths import OPENAI, SERVED, ErrorBody, find_unserved
from providers import registry

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class DataPlane:
    """The ASGI application."""

    def __init__(self, pipeline: Pipeline, body_s: float) -> None:
        self._pipeline, self._body_s = pipeline, body_s
        self._hot = {path: registry.dialect(dialect) for path, dialect in SERVED.items()}
        self._rest = _build_rest(pipeline)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            dialect = self._hot.get(scope["path"])
            if dialect is not None and scope["method"] == "POST":
                await serve(self._pipeline, dialect, scope["headers"], receive, send, self._body_s)
                return
        await self._rest(scope, receive, send)


def _build_rest(pipeline: Pipeline) -> FastAPI:
    """Everything that is not hot.  No documentation pages: they are not for clients."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.exception_handler(RequestError)
    async def tell(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError), "registered for nothing else"
        return _error(OPENAI, error)

    @app.get("/v1/models")
    async def list_models(request: Request) -> Response:
        principal = pipeline.identify(request.scope["headers"])
        body = await describe_all(pipeline, principal)
        return Response(body, media_type="application/json")

    @app.get("/v1/models/{model:path}")
    async def show_model(request: Request, model: str) -> Response:
        principal = pipeline.identify(request.scope["headers"])
        body = await describe(pipeline, principal, model)
        if body is None:
            raise UnknownModelError("no route has this name; /v1/models lists those that do")
        return Response(body, media_type="application/json")

    @app.api_route("/{path:path}", methods=_METHODS)
    async def refuse(request: Request, path: str) -> Response:
        del path  # the scope has it as it came
        where = request.scope["path"]
        method = "POST" if where in SERVED else "GET" if _is_models(where) else None
        if method is not None:
            return _error(OPENAI, WrongMethodError(f"this path takes {method}"), allow=method)
        unserved = find_unserved(where)
        if unserved is None:
            return _error(OPENAI, UnknownPathError("there is nothing at this path"))
        error_body, missing = unserved
        return _error(error_body, NotServedError(f"this gateway does not serve {missing}"))

    return app


def _is_models(path: str) -> bool:
    return path == "/v1/models" or path.startswith("/v1/models/")


def _error(error_body: ErrorBody, error: RequestError, allow: str | None = None) -> Response:
    body = error_body(error.status, error.code, str(error), error.param)
    headers = {"x-should-retry": "false", **({"allow": allow} if allow else {})}
    return Response(body, error.status, media_type="application/json", headers=headers)

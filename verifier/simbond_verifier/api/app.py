"""What a verifier serves: the device API, which speaks HTTP by itself (protocol.py), and everything else by FastAPI."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ..policy import Limits
from ..refusal import Conflict, NotFound, Refusal
from ..store.group_commit import StoreBusy, StoreUnavailable
from . import observations
from .device import DeviceApi
from .device_openapi import PATHS_DOCUMENT
from .operator import IMPORT_PATH, Services
from .problems import MEDIA_TYPE, Problem
from .readiness import Readiness
from .routers import ROUTERS

BODY_OCTETS = 64 * 1024
"""Of a request to the operator API. A card list is longer, and is bounded where it is read."""


class _BodyTooLarge(HTTPException):
    """The framework hands on HTTPExceptions that come up while it reads a body, and nothing else."""


class Application:
    """The operator API as ASGI, and the device API beside it."""

    def __init__(self, api: FastAPI, device: DeviceApi) -> None:
        self._api = api
        self.device = device

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api(scope, receive if scope.get("path") == IMPORT_PATH else _bounded(receive), send)


def create_app(
    services: Services,
    lifespan: Any = None,
    *,
    limits: Limits | None = None,
    readiness: Readiness | None = None,
) -> Application:
    """The verifier's application on the given services. limits: of the policy. readiness: always, unless given."""
    api = FastAPI(
        title="simbond verifier",
        summary="Binds IoT cards to their devices: takes Evidence, appraises it, acts.",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    api.state.services = services
    for router in ROUTERS:
        api.include_router(router)
    api.add_api_route("/healthz", _health, include_in_schema=False)

    async def ready() -> JSONResponse:
        return _readiness({}, []) if readiness is None else _readiness(await readiness.checks(), readiness.warnings)

    api.add_api_route("/readyz", ready, include_in_schema=False)
    _report_problems(api)
    api.openapi = lambda: _document(api)  # type: ignore[method-assign]
    return Application(api, DeviceApi(services.ingest, services.metrics, limits))


def _bounded(receive: Receive) -> Receive:
    """The framework reads a body before it asks who sent it; this keeps it from filling the memory."""
    octets = 0

    async def bounded() -> Message:
        nonlocal octets
        message = await receive()
        octets += len(message.get("body", b""))
        if octets > BODY_OCTETS:
            raise _BodyTooLarge(413)
        return message

    return bounded


async def _health() -> JSONResponse:
    """It is alive: whoever starts verifiers need not start it again."""
    return JSONResponse({"status": "ok"})


def _readiness(checks: dict[str, str], warnings: list[str]) -> JSONResponse:
    ready = all(found == "ok" for found in checks.values())
    said = {"status": "ready" if ready else "not-ready", "checks": checks, "warnings": warnings}
    return JSONResponse(said, 200 if ready else 503)


def _report_problems(api: FastAPI) -> None:
    """Every error leaves as a problem document."""

    @api.exception_handler(Problem)
    async def _problem(_: Request, e: Problem) -> Response:
        return e.response()

    @api.exception_handler(Refusal)
    async def _refusal(_: Request, e: Refusal) -> Response:
        status = 404 if isinstance(e, NotFound) else 409 if isinstance(e, Conflict) else 422
        return Problem(status, e.code, str(e), **e.more).response()

    @api.exception_handler(StoreBusy)
    async def _busy(_: Request, e: StoreBusy) -> Response:
        return Problem(503, "busy", f"{e}; try again later.", retry_after_s=2).response()

    @api.exception_handler(StoreUnavailable)
    async def _unavailable(_: Request, e: StoreUnavailable) -> Response:
        return Problem(503, "store-unavailable", f"The database took nothing ({e}).", retry_after_s=30).response()

    @api.exception_handler(RequestValidationError)
    async def _invalid(_: Request, e: RequestValidationError) -> Response:
        faults = [{"at": ".".join(map(str, f["loc"])), "problem": f["msg"]} for f in e.errors()]
        words = "; ".join(f"{f['at']}: {f['problem']}" for f in faults)
        return Problem(422, "request-invalid", f"{words}.", faults=faults).response()

    @api.exception_handler(_BodyTooLarge)
    async def _too_large(_: Request, e: _BodyTooLarge) -> Response:
        return Problem(413, "body-too-large", f"A request has at most {BODY_OCTETS} octets.").response()

    @api.exception_handler(Exception)
    async def _fault(_: Request, e: Exception) -> Response:
        # The server logs it with its traceback, and ends the connection: a client that is not told sends its next
        # request into it.
        detail = "A fault of the verifier's own; its log has the details."
        return Problem(500, "internal", detail, headers={"connection": "close"}).response()

    @api.exception_handler(HTTPException)
    async def _http(_: Request, e: HTTPException) -> Response:
        detail = f"{e.detail}; /v1/openapi.json lists what there is."
        return Problem(e.status_code, "http", detail, headers=e.headers).response()


def _document(api: FastAPI) -> dict[str, Any]:
    if api.openapi_schema is None:
        document = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes)
        document["paths"] = PATHS_DOCUMENT | document["paths"]
        schemas = document["components"]
        schemas["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schemas["schemas"] |= observations.SCHEMAS
        schemas["schemas"]["Problem"] = {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {n: {"type": "string"} for n in ("type", "title", "detail")}
            | {"status": {"type": "integer"}},
        }
        problem = {
            "description": "A problem document (RFC 9457)",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for path, methods in document["paths"].items():
            for operation in methods.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = problem
                if path not in PATHS_DOCUMENT:
                    operation["security"] = [{"token": []}]
        api.openapi_schema = document
    return api.openapi_schema

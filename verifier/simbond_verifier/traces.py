"""Traces by OpenTelemetry, for those who set its OTEL_* variables (extra `traces`; docs/operations.md): a span for each
batch, commit and command to the network. Off they cost a comparison each. No identity of card or device goes into one.
"""

import os
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

P = ParamSpec("P")
T = TypeVar("T")

_OFF: AbstractContextManager[Any] = nullcontext()
_tracer: "Tracer | None" = None


class TracesUnavailable(Exception):
    """Traces are asked for, and cannot be made; the message says what to do."""


def configure() -> "TracerProvider | None":
    """Begins to trace where the environment names a collector; shut the provider down in the end. Raises
    TracesUnavailable."""
    if not any(os.environ.get(f"OTEL_EXPORTER_OTLP_{which}ENDPOINT") for which in ("", "TRACES_")):
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracesUnavailable(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: install simbond[traces]."
        ) from None
    names = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "simbond"}
    provider = TracerProvider(resource=Resource.create(names))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)
    return provider


def use(provider: "TracerProvider | None") -> None:
    """Traces with this provider from now on; None: not any more."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("simbond")


def span(name: str, **attributes: Any) -> AbstractContextManager[Any]:
    """A span around a block, within the one that is open."""
    return _OFF if _tracer is None else _tracer.start_as_current_span(name, attributes=attributes)


def traced(name: str) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """The same around every call of a coroutine function."""

    def wrap(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(work)
        async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            with span(name):
                return await work(*args, **kwargs)

        return wrapped

    return wrap


def within(headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Any]:
    """A block whose spans belong to the client's trace, where its headers name one (W3C Trace Context)."""
    return _OFF if _tracer is None else _Within(headers)


class _Within(AbstractContextManager[None]):
    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def __enter__(self) -> None:
        from opentelemetry import context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._token = context.attach(TraceContextTextMapPropagator().extract(self._carrier))

    def __exit__(self, *_: object) -> None:
        from opentelemetry import context

        context.detach(self._token)

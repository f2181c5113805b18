"""Traces: nothing when off, one span for each batch, commit and command when on, within the client's own trace."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from simbond_verifier import traces
from support.verifier import desk
from support.workers import group_commit


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.use(provider)
    yield exporter
    traces.use(None)


def test_off_it_makes_nothing() -> None:
    assert traces.span("batch", messages=3) is traces.span("commit")
    assert traces.within([(b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]) is traces.span("x")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_it_is_on_only_where_somebody_asks(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert traces.configure() is None


def test_a_collector_in_the_environment_switches_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    provider = traces.configure()
    try:
        assert provider is not None
        assert provider.resource.attributes["service.name"] == "simbond"
        assert traces.span("batch") is not traces.span("batch")
    finally:
        traces.use(None)
        assert provider is not None
        provider.shutdown()


def test_a_span_belongs_to_the_trace_of_the_client(spans: InMemorySpanExporter) -> None:
    with traces.within([(b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]), traces.span("batch"):
        pass
    with traces.within([(b"traceparent", b"no such thing")]), traces.span("batch", messages=2):
        pass
    theirs, ours = spans.get_finished_spans()
    assert theirs.context is not None
    assert theirs.parent is not None
    assert f"{theirs.context.trace_id:x}" == "1" * 32
    assert f"{theirs.parent.span_id:x}" == "2" * 16
    assert ours.parent is None
    assert dict(ours.attributes or {}) == {"messages": 2}


def test_every_commit_is_a_span(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    async def main() -> None:
        with desk(tmp_path) as operator:
            async with group_commit(operator.database) as writer:
                await writer.submit(lambda connection: None)
        (span,) = spans.get_finished_spans()
        assert (span.name, dict(span.attributes or {})) == ("commit", {"units": 1})

    asyncio.run(main())


def test_a_coroutine_s_span_bears_its_failure(spans: InMemorySpanExporter) -> None:
    async def main() -> None:
        @traces.traced("command")
        async def fail() -> None:
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            await fail()
        (span,) = spans.get_finished_spans()
        assert span.name == "command"
        assert not span.status.is_ok

    asyncio.run(main())

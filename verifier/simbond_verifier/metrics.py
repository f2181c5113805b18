"""What the verifier counts, in Prometheus' exposition format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from .reasons import Reason, Tier


class Metrics(Collector):
    """The counters of one verifier process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Plain numbers: this is on the path of every message. `collect` hands them over when somebody asks.
        self._tiers = dict.fromkeys(Tier, 0)
        self._reasons = dict.fromkeys(Reason, 0)
        self.registry.register(self)
        self.commands = Counter(
            "simbond_commands", "Commands to the enforcement target", ["access", "outcome"], registry=self.registry
        )
        self.appeals = Counter(
            "simbond_appeals",
            "Appeals decided, by the rule that they are about",
            ["outcome", "rule"],
            registry=self.registry,
        )
        self.pending = Gauge("simbond_commands_pending", "Commands not confirmed yet", registry=self.registry)
        self.rejected = Counter(
            "simbond_http_rejected",
            "Requests to the device API that got no result, by problem",
            ["problem"],
            registry=self.registry,
        )
        self.failures = Counter("simbond_worker_failures", "Workers that failed", ["worker"], registry=self.registry)
        self.waiting = Gauge("simbond_waiting", "Work that waits for the writer, in messages", registry=self.registry)
        self.confirm_s = Histogram(
            "simbond_confirm_seconds",
            "From the decision to the target's confirmation",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
            registry=self.registry,
        )

    def count(self, tier: Tier, reasons: tuple[Reason, ...]) -> None:
        """Counts one verdict."""
        self._tiers[tier] += 1
        for reason in reasons:
            self._reasons[reason] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """See prometheus_client.registry.Collector."""
        tiers = CounterMetricFamily("simbond_evidence", "Evidence appraised, by tier of the verdict", labels=["tier"])
        for tier, count in self._tiers.items():
            tiers.add_metric([tier.name.lower()], count)
        yield tiers
        reasons = CounterMetricFamily("simbond_evidence_reason", "Reason codes in verdicts", labels=["reason"])
        for reason, count in self._reasons.items():
            reasons.add_metric([reason.value], count)
        yield reasons

"""What the verifier counts, in Prometheus' exposition format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .reasons import Reason, Tier


class Metrics:
    """The counters of one verifier process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        evidence = Counter(
            "simbond_evidence", "Evidence appraised, by tier of the verdict", ["tier"], registry=self.registry
        )
        reasons = Counter("simbond_evidence_reason", "Reason codes in verdicts", ["reason"], registry=self.registry)
        # The children are looked up once: this is on the path of every message.
        self.evidence = {tier: evidence.labels(tier.name.lower()) for tier in Tier}
        self.reasons = {reason: reasons.labels(reason.value) for reason in Reason}
        self.commands = Counter(
            "simbond_commands", "Commands to the enforcement target", ["access", "outcome"], registry=self.registry
        )
        self.pending = Gauge("simbond_commands_pending", "Commands not confirmed yet", registry=self.registry)
        self.confirm_s = Histogram(
            "simbond_confirm_seconds",
            "From the decision to the target's confirmation",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
            registry=self.registry,
        )

    def count(self, tier: Tier, reasons: tuple[Reason, ...]) -> None:
        """Counts one verdict."""
        self.evidence[tier].inc()
        for reason in reasons:
            self.reasons[reason].inc()

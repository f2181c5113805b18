"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import (
    appeals,
    casefile,
    decisions,
    enforcement,
    ledger,
    notices,
    observations,
    operator,
    orders,
    results,
    second_checks,
    second_slot,
    shadow,
    stations,
    work_orders,
)

ROUTERS: tuple[APIRouter, ...] = (
    operator.router,
    second_slot.router,
    stations.router,
    appeals.router,
    decisions.router,
    enforcement.router,
    orders.router,
    notices.router,
    observations.router,
    second_checks.router,
    work_orders.router,
    shadow.router,
    casefile.router,
    ledger.router,
    results.router,
    results.well_known,
)

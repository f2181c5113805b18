"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import appeals, casefile, ledger, notices, operator, results, second_checks

ROUTERS: tuple[APIRouter, ...] = (
    operator.router,
    appeals.router,
    notices.router,
    second_checks.router,
    casefile.router,
    ledger.router,
    results.router,
    results.well_known,
)

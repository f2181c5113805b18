"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import ledger, operator, results

ROUTERS: tuple[APIRouter, ...] = (operator.router, ledger.router, results.router, results.well_known)

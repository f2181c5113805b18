"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import casefile, ledger, operator, results

ROUTERS: tuple[APIRouter, ...] = (operator.router, casefile.router, ledger.router, results.router, results.well_known)

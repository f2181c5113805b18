"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import operator, results

ROUTERS: tuple[APIRouter, ...] = (operator.router, results.router, results.well_known)

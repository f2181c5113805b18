"""The routers of the operator API, one per capability."""

from fastapi import APIRouter

from . import operator

ROUTERS: tuple[APIRouter, ...] = (operator.router,)

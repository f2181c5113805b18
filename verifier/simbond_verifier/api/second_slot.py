"""The IMEI of a device's second slot, which somebody states and nothing proves (docs/deciding.md)."""

from functools import partial
from typing import Any

from fastapi import APIRouter

from .. import decisions, fleet
from ..store.proposals import Kind
from . import models
from .operator import Decides, Use
from .orders import WAITS, take

router = APIRouter(prefix="/v1/devices/{kid}", tags=["devices"])


@router.post("/imei2", response_model=models.DeviceWithKey, responses=WAITS)
async def set_second_slot(services: Use, holder: Decides, kid: str, order: models.SecondSlot) -> Any:
    """States the IMEI of a device's second slot: a card that the network sees there is at home."""
    wish = partial(decisions.about_device, kind=Kind.SECOND_SLOT, kid=kid, imei2=order.imei2, reason=order.reason)
    asked = await take(services, holder, wish)
    return asked or await services.read(partial(fleet.show_device, kid=kid))

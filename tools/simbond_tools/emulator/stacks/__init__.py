"""The modules' own protocol stacks, bridged to real servers. Importing this registers their behaviours."""

from . import (  # noqa: F401 - for what they register
    common,
    quectel,
    quectel_http,
    quectel_mqtt,
    simcom,
    simcom_http,
    simcom_lpwa,
    simcom_mqtt,
    ublox,
    ublox_mqtt,
)

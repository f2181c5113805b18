"""MQTT by SIMCom's own stack: which of the two it is depends on the model."""


class Uplink:
    """See simcom_mqtt_lte.py (SIM7500, SIM7600, A76xx) and simcom_mqtt_lpwa.py (SIM7000, SIM7070, SIM7080, SIM7090)."""

    def __init__(self, board, kid):
        self._for = (board, kid)
        self._uplink = None

    def attach(self, modem):
        """Raises ValueError, as the constructors of other uplinks do."""
        if self._uplink is None:
            if "SIM70" in modem.model.upper():
                from .simcom_mqtt_lpwa import SmUplink as chosen
            else:
                from .simcom_mqtt_lte import CmqttUplink as chosen
            self._uplink = chosen(*self._for)
        self._uplink.attach(modem)

    async def send(self, kind, message):
        return await self._uplink.send(kind, message)

    async def close(self):
        if self._uplink:
            await self._uplink.close()

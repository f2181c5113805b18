"""What the examples use of MicroPython's network module: https://docs.micropython.org/en/v1.25.0/library/network.WLAN.html"""

import json

STA_IF = 0


class WLAN:
    def __init__(self, interface_id):
        self._active = False

    def active(self, is_active):
        self._active = is_active

    def connect(self, ssid, key):
        print(json.dumps({"event": "wifi", "ssid": ssid, "active": self._active}))

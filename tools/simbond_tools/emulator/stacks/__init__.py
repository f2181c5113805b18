"""The modules' own protocol stacks, bridged to real servers. Importing this registers their behaviours."""

from . import quectel, quectel_http, quectel_mqtt  # noqa: F401 - for what they register

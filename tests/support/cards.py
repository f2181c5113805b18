"""Two invented cards."""

from simbond_tools.emulator import Card

CARD = Card(iccid="89860490127123456708", imsi="460049012345678")
OTHER_CARD = Card(iccid="8986079012712345688", imsi="460079012345679")

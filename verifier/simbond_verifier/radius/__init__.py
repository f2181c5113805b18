"""RADIUS: which device a card is in, as the operator's own gateway says, and the gate before it (docs/radius.md)."""

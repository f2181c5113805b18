"""The main job, shown: a card moves into a foreign device, and the network refuses it. Real processes throughout."""

"""What is on the cable: ports, lines, modems, the agent's console, transcripts. See docs/probe.md."""

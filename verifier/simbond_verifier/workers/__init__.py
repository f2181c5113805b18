"""What goes on beside the ingest: carrying out commands, asking the network view, keeping deadlines."""

"""JSON rows in, predictions out, through the gateway."""

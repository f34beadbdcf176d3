"""The whole loop on one machine, end to end, by the SDK and the command line only."""

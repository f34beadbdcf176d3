"""The clock of a loop: closed days in order, each exactly once."""

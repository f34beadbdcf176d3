"""The controller: loops, their triggers and runs; the one driver of the loop's clock."""

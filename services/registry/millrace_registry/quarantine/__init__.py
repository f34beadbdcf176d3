"""Deliveries that were refused, and what a person decided about them."""

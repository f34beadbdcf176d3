"""Variants: other forms of a trained graph for the hardware that serves it, kept if they are as good and faster."""

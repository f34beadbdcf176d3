"""Which services are installed beside a replay."""

import importlib.util

SERVICES = ("registry", "monitoring", "serving", "training", "controller")
"""In the order in which they start."""


def all_services() -> bool:
    """Whether they all are, as on a laptop; in the image of a cluster's jobs they are not."""
    return all(importlib.util.find_spec(f"millrace_{name}") for name in SERVICES)

"""Quantities as Kubernetes writes them, like 1500m, 2k and 1Gi: an API server writes what it is given its own way."""

import re
from typing import Any

UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
         "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}  # fmt: skip
QUANTITY = re.compile(r"^([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})$")


def number(quantity: Any) -> float:
    """A quantity as a number: 100m is 0.1, 1Gi is 1073741824. What cannot be read is 0."""
    found = QUANTITY.match(str(quantity).strip())
    return float(found[1]) * UNITS.get(found[2], 0.0) if found else 0.0

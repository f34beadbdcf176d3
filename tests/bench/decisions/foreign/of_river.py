"""river's detectors on a stream of losses; runs in river's own environment and imports nothing of Millrace.

In: {"reset": true}, or {"values": [...]}; out: {"alarm": whether the detector raised one on any of the values}.
"""

import json
import sys

from river import drift

MADE = {
    "ADWIN": lambda: drift.ADWIN(),
    "KSWIN": lambda: drift.KSWIN(seed=7),
    "Page-Hinkley": lambda: drift.PageHinkley(),
}
"""With the library's own settings."""


def main(name: str) -> None:
    detector = MADE[name]()
    for line in sys.stdin:
        told, alarm = json.loads(line), False
        if told.get("reset"):
            detector = MADE[name]()
        for value in told.get("values", ()):
            detector.update(value)
            alarm = alarm or detector.drift_detected
        print(json.dumps({"alarm": bool(alarm)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

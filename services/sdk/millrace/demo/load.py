"""Requests of images to an endpoint: once over all that are given for the answers, or steadily for the rate."""

import threading
import time
from collections.abc import Sequence

import httpx
import numpy as np

from millrace.oip import HEADER_LENGTH, decode, encode

BATCH = 50
SENDERS = 4


class Images:
    """Sends images to one endpoint and counts what comes back.

    Args:
        url: where the endpoint takes Open Inference requests.
        images: float32 (rows, 28, 28).
    """

    def __init__(self, url: str, images: np.ndarray) -> None:
        self.url, self.images = url, images
        self.sent = self.failed = 0
        """Of the steady load."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._senders: list[threading.Thread] = []

    def classes(self) -> list[str]:
        """What each image is answered to show. Raises: httpx.HTTPStatusError."""
        told: list[str] = []
        with httpx.Client(trust_env=False, timeout=30) as http:
            for begin in range(0, len(self.images), BATCH):
                answer = self._ask(http, self.images[begin : begin + BATCH]).raise_for_status()
                told += list(decode(answer.content, int(answer.headers[HEADER_LENGTH]))["class"])
        return told

    def rate(self, rows: int, seconds: float) -> float:
        """Rows a second over one connection, *rows* in each request, for so many seconds."""
        began, answered = time.perf_counter(), 0
        with httpx.Client(trust_env=False, timeout=30) as http:
            while time.perf_counter() - began < seconds:
                self._ask(http, self.images[:rows]).raise_for_status()
                answered += rows
        return answered / (time.perf_counter() - began)

    def __enter__(self) -> "Images":
        """Send one image after another over SENDERS connections, until the block ends."""
        self._senders = [threading.Thread(target=self._send, args=(place,)) for place in range(SENDERS)]
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for sender in self._senders:
            sender.join()

    def _send(self, place: int) -> None:
        with httpx.Client(trust_env=False, timeout=30) as http:
            while not self._over.is_set():
                try:
                    good = self._ask(http, self.images[place : place + 1]).is_success
                except httpx.TransportError:
                    good = False
                with self._lock:
                    self.sent, self.failed = self.sent + 1, self.failed + (not good)
                place = (place + SENDERS) % len(self.images)

    def _ask(self, http: httpx.Client, images: np.ndarray) -> httpx.Response:
        body, headers = encode({"image": ("FP32", images)})
        return http.post(self.url, content=body, headers=headers)


def right(answers: Sequence[str], shown: Sequence[str]) -> float:
    """Share of the answers that are right."""
    return float(np.mean([one == other for one, other in zip(answers, shown, strict=True)]))

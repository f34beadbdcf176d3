"""Speak to a Triton of ours over HTTP: load, unload, and a real inference; foreign errors end here."""

from collections.abc import Mapping

import httpx
import numpy as np

from millrace import oip
from millrace_serving.triton.manifests import ADMIN_HEADER

TRACEBACK = "\n\nAt:"
"""Where the traceback of the Python backend, with its file names, begins."""


BUSY = ("compute_input", "compute_infer", "compute_output")
"""What Triton counts of a model's calls while it works on them."""


class TritonError(Exception):
    """Triton refused, failed or did not answer in time; the text says which.

    *answered*: there was an answer, if a wrong one; *status*: that of its HTTP.
    """

    def __init__(self, text: str, answered: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.answered, self.status = answered, status


class Triton:
    """One Triton server."""

    def __init__(self, url: str, secret: str = "") -> None:
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=5.0)
        self._admin = {ADMIN_HEADER: secret}

    async def live(self) -> bool:
        """Whether the server answers at all (not whether any model does)."""
        try:
            return (await self._client.get("/v2/health/live", timeout=1.0)).is_success
        except httpx.HTTPError:
            return False

    async def ready(self, name: str) -> bool:
        """Whether one model is loaded."""
        try:
            return (await self._client.get(f"/v2/models/{name}/ready", timeout=2.0)).is_success
        except httpx.HTTPError:
            return False

    async def busy(self, name: str) -> tuple[int, int]:
        """How many calls one loaded model has answered so far, and the nanoseconds that it took for them.

        Their wait in its queue is left out. Triton counts a call after it has answered it. Raises: TritonError.
        """
        try:
            answer = await self._client.get(f"/v2/models/{name}/stats", headers=self._admin)
        except httpx.HTTPError as error:
            raise TritonError(f"no statistics of {name} ({type(error).__name__})") from error
        if not answer.is_success:
            raise TritonError(_reason(answer), answered=True, status=answer.status_code)
        (told,) = answer.json()["model_stats"]
        stats = told["inference_stats"]
        return int(stats["success"]["count"]), sum(int(stats[part]["ns"]) for part in BUSY)

    async def loaded(self) -> set[str]:
        """Names of the models that Triton calls ready. Raises: TritonError."""
        answer = await self._post("/v2/repository/index", {"ready": True}, 5.0)
        return {item["name"] for item in answer.json() if item.get("state") == "READY"}

    async def load(self, name: str, timeout: float) -> None:
        """Load one model. Raises: TritonError with Triton's reason, or after *timeout* seconds."""
        await self._post(f"/v2/repository/models/{name}/load", {}, timeout)

    async def unload(self, name: str, timeout: float = 30.0) -> None:
        """Unload one model; nothing happens if it is not loaded. Raises: TritonError."""
        await self._post(f"/v2/repository/models/{name}/unload", {}, timeout)

    async def _post(self, path: str, body: Mapping[str, object], timeout: float) -> httpx.Response:
        try:
            answer = await self._client.post(path, json=body, headers=self._admin, timeout=timeout)
        except httpx.HTTPError as error:
            raise TritonError(f"no answer within {timeout:.0f} s ({type(error).__name__})") from error
        if not answer.is_success:
            raise TritonError(_reason(answer), answered=True)
        return answer

    async def infer(
        self,
        name: str,
        columns: Mapping[str, tuple[str, np.ndarray]],
        timeout: float = 2.0,
        packed: bool = False,
    ) -> dict[str, np.ndarray]:
        """Run rows through one loaded model.

        Args:
            columns: datatype and values of shape (rows,) by input name, as in `millrace.oip.encode`.
            packed: send one tensor for each datatype, not one for each column.
        Returns: values by output name, of shape (rows,), or (rows, width) of a wider output.
        Raises: TritonError.
        """
        body, headers = oip.pack(columns) if packed else oip.encode(columns)
        try:
            answer = await self._client.post(
                f"/v2/models/{name}/infer", content=body, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise TritonError(f"no answer within {timeout:.0f} s ({type(error).__name__})") from error
        if not answer.is_success:
            raise TritonError(_reason(answer), answered=True, status=answer.status_code)
        try:
            return oip.decode(answer.content, int(answer.headers.get(oip.HEADER_LENGTH, 0)) or None)
        except (ValueError, KeyError) as error:
            raise TritonError(f"the answer cannot be read ({error})", answered=True) from error

    async def close(self) -> None:
        await self._client.aclose()


def _reason(answer: httpx.Response) -> str:
    try:
        text = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        text = answer.text
    return f"{answer.status_code}: {text.partition(TRACEBACK)[0][:400]}"

"""Which service does not answer, why that may be, and what to look at: said in a loop's message."""

import httpx

from millrace.transport.errors import Busy
from millrace_controller.settings import ControllerSettings

WHY = (
    "It may be starting, or have no pod that is ready: see 'kubectl -n {space} get pods -l "
    "app.kubernetes.io/instance={instance},app.kubernetes.io/component={service}'. If it is ready, a NetworkPolicy or "
    "a wrong MILLRACE_{upper}_URL keeps this pod from it."
)


def words(error: httpx.TransportError | Busy, settings: ControllerSettings) -> str:
    """A sentence about a call that got no answer, and the next step."""
    url = error.error.url if isinstance(error, Busy) else _asked(error)
    service = _service(url, settings)
    said = "is not ready" if isinstance(error, Busy) else "does not answer"
    reason = str(error) or type(error).__name__
    if settings.platform == "kubernetes":
        given = {"space": settings.namespace, "instance": settings.instance or settings.release}
        mend = WHY.format(service=service, upper=service.upper(), **given)
    else:
        mend = "See 'millrace doctor'."
    return f"{service} at {url.partition('/v1')[0]} {said} ({reason}). {mend} It is asked again every few seconds."


def _asked(error: httpx.TransportError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:
        return ""


def _service(url: str, settings: ControllerSettings) -> str:
    """The service behind an address, like `registry`."""
    for variable, address in settings.addresses.items():
        if url.startswith(address):
            return variable.removeprefix("MILLRACE_").removesuffix("_URL").lower()
    return "a service"

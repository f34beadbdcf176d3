"""Run one service: `python -m millrace_core.serve millrace_registry.main`, or the one of MILLRACE_SERVICE."""

import gc
import importlib
import os
import signal
import sys
import threading
import time

from millrace.lean import SERVICES, leave_out

LOOK_SECONDS = 1.0


def end_with_parent() -> None:
    """End this process when the supervisor that started it (MILLRACE_PARENT) is gone, however it ended."""
    parent = os.environ.get("MILLRACE_PARENT")
    if parent is not None:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_out_of_the_collector() -> None:
    """What was imported stays to the end: looking it through again and again is a tenth of a busy service's time."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """Start the module's app with settings from the environment: one worker, on loopback by default."""
    end_with_parent()
    leave_out(SERVICES)
    import uvicorn

    from millrace_core.together import Protocol

    named = sys.argv[1] if len(sys.argv) > 1 else f"millrace_{os.environ['MILLRACE_SERVICE']}.main"
    module = importlib.import_module(named)
    app = module.build()
    settings = app.state.services.settings
    _keep_out_of_the_collector()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        http=Protocol,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
        limit_concurrency=512,
        server_header=False,
    )


if __name__ == "__main__":
    main()

"""Run one service: `python -m millrace_core.serve millrace_registry.main`."""

import importlib
import sys

import uvicorn


def main() -> None:
    """Start the module's app with settings from the environment: one worker, on loopback by default."""
    module = importlib.import_module(sys.argv[1])
    app = module.build()
    settings = app.state.settings
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        loop="uvloop",
        http="httptools",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
        limit_concurrency=512,
        server_header=False,
    )


if __name__ == "__main__":
    main()

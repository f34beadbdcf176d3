"""The gateway over HTTP: what it has counted, and what it polls."""

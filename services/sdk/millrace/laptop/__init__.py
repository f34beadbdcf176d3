"""The platform on one machine: a supervisor for all services, without Docker, root or a cluster."""

from millrace.laptop.platform import AlreadyRunning, Platform, StartFailed

__all__ = ["AlreadyRunning", "Platform", "StartFailed"]

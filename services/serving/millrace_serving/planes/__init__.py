"""The two data planes: processes on a laptop, pods in a cluster."""

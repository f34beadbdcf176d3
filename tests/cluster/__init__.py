"""Millrace on a real Kubernetes: installed with Helm, driven with kubectl, broken on purpose."""

"""Loop runs as Kubeflow pipelines, on a laptop in a child process."""

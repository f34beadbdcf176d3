"""Loop runs as Kubeflow pipelines: in a child process, a Kubernetes Job, or Kubeflow Pipelines itself."""

"""Loop runs as Kubeflow pipelines: thin components that call the services, and the compiled YAML."""

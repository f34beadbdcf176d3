"""A strict stand-in for the API of Kubeflow Pipelines 2.17.0, and the promises that it keeps."""

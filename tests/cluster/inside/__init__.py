"""Scripts that run in the toolbox pod, beside the release: no module of the tests can be imported there."""

"""AutoML: a portfolio, Bayesian trials, a small ensemble, and the refit that becomes a release unit."""

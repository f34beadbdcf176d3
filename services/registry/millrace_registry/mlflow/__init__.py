"""MLflow's REST API: experiments, runs, artifacts, logged and registered models, beside and over the loops' own."""

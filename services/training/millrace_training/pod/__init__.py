"""Inside a job's pod: the agent that runs the job's process there and speaks for it to the service."""

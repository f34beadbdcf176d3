"""Where jobs run: as processes of this machine, or as Jobs and RayJobs of a cluster."""

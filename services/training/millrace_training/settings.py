"""Settings of the training service."""

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from millrace_contracts.quantities import number
from millrace_core.settings import WorkloadSettings
from millrace_training.runtime.folder import JobFolder

CLUSTER_JOBS = 200
"""In a cluster its scheduler decides what waits; this many of our jobs may ask it at once."""


class TrainingSettings(WorkloadSettings):
    """How much of the machine, or of the cluster, jobs may take."""

    service: str = "training"
    heavy_jobs: int = Field(default=1, ge=1)
    """Jobs that train models, running side by side."""
    light_jobs: int = Field(default=2, ge=1)
    """Jobs that read and check data, running side by side."""
    job_memory_mb: int = Field(default=4096, ge=64)
    """MiB that the processes of one job may use together, where the job says nothing else."""
    job_wall_seconds: float = Field(default=86_400, gt=0)
    """Seconds one attempt of a job may take, where the job says nothing else."""
    job_attempts: int = Field(default=3, ge=1)
    """How often a job is started when its process disappears."""
    job_look_seconds: float = Field(default=0.5, gt=0)
    """Seconds between two looks at the running jobs."""
    cancel_seconds: float = Field(default=2.0, ge=0)
    """Seconds a cancelled job has to stop by itself."""
    job_keep_days: float = Field(default=30, gt=0)
    """Days after which the folder (log, events, trials) of an ended job is removed."""
    stream_rows: int = Field(default=200_000, ge=1)
    """Rows of a stream that are a delivery as soon as they are there, and the most rows of one."""
    stream_seconds: float = Field(default=900, gt=0)
    """Seconds after which fewer rows of a stream are a delivery too."""
    stream_bytes: int = Field(default=256 * 2**20, ge=2**10)
    """Bytes, packed, of a loop's stream that wait to be delivered before senders are told to wait."""
    stream_key_hours: float = Field(default=24, gt=0)
    """Hours for which the key of a delivered batch is known again."""
    source_hosts: list[str] = Field(default=[])
    """Hosts, or hosts with a port, from which web addresses and stores with an endpoint may be read."""
    job_image: str = ""
    """Image of the jobs' pods, with all that training needs."""
    job_service_account: str = "millrace-job"
    """Service account of the jobs' pods; it may nothing in the cluster, its token opens the platform."""
    job_cpu: str = Field(default="1", pattern=r"^[1-9]\d*(m|\.\d+)?$|^0\.\d*[1-9]$")
    """CPUs (a Kubernetes quantity) of a pod that trains; their number, rounded up, is also its threads."""
    light_cpu: str = Field(default="250m", pattern=r"^[1-9]\d*(m|\.\d+)?$|^0\.\d*[1-9]$")
    """CPUs that a pod asks for which reads and checks data; it may use one."""
    job_scratch_mb: int = Field(default=10_240, ge=64)
    """MiB of its node's disk that one pod may use."""
    job_queue: str = ""
    """Kueue's local queue for jobs that name none; empty: jobs are not queued."""
    job_excused: int = Field(default=10, ge=0)
    """How many attempts that were evicted, preempted or lost with their node do not count."""
    job_lost_seconds: float = Field(default=120, gt=0)
    """Seconds without a sign of life after which a pod counts as lost with its node."""
    job_ttl_seconds: int = Field(default=3600, ge=0)
    """Seconds for which the cluster keeps the pods of ended jobs, for their logs."""
    pending_seconds: float = Field(default=600, gt=0)
    """Seconds a pod has to start, where it needs a node that is not there yet."""
    shortage_seconds: float = Field(default=21_600, gt=0)
    """Seconds for which a job whose pod finds no room is tried again; after that it ends."""
    shortage_pause: float = Field(default=30, gt=0)
    """Seconds before it is tried again the first time; twice as many each time, at most a quarter of an hour."""
    image_seconds: float = Field(default=120, gt=0)
    """Seconds in which an image must be pulled or a container made, once that has failed."""
    ray: Literal["auto", "never"] = "auto"
    """Whether jobs whose executor is Ray become RayJobs where KubeRay is installed."""
    network_policies: bool = False
    """Whether pods here may talk to nobody without a NetworkPolicy, so that those of a RayJob need one of their own."""
    ray_workers: int = Field(default=1, ge=0)
    """Ray workers of a job that does not say how many."""
    ray_worker_tolerations: list[dict[str, Any]] = Field(default=[])
    """Taints that Ray's workers put up with beside those of the job, like those of spot nodes."""
    ray_worker_node_selector: dict[str, str] = Field(default={})
    """Labels of the nodes for Ray's workers, beside those of the job."""
    workers_patience: float = Field(default=120, ge=0)
    """Seconds for which a lost worker of code of one's own may come back before fewer go on."""
    gpu_resource: str = "nvidia.com/gpu"
    """What a GPU is called where the cluster counts them; another name for shared or split ones."""
    runtime_class: str = ""
    """Runtime class of the jobs' pods."""

    def job_folder(self, id: str) -> JobFolder:
        """The files of job *id*."""
        return JobFolder(self.folder / "jobs" / id)

    @model_validator(mode="after")
    def _in_a_cluster(self) -> "TrainingSettings":
        if self.platform == "kubernetes":
            asked = {
                "heavy_jobs": CLUSTER_JOBS,
                "light_jobs": CLUSTER_JOBS,
                "job_threads": cpus(self.job_cpu),
            }
            for name in asked.keys() - self.model_fields_set:
                setattr(self, name, asked[name])
        return self


def cpus(quantity: str) -> int:
    """Whole CPUs in a Kubernetes quantity, rounded up: 1500m is 2; one at least."""
    return max(1, math.ceil(number(quantity)))

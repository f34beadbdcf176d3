"""Settings of the controller."""

from pydantic import Field

from millrace_controller.pipelines.settings import PipelineSettings


class ControllerSettings(PipelineSettings):
    """Environment of the controller, that of its pipelines included."""

    service: str = "controller"
    pod_name: str = "laptop"
    """Name of this replica; of two with different names one leads, and the same name is the same one restarted."""
    operator: bool = False
    """Whether ModelLoops are also taken from the Kubernetes API."""
    watch_namespaces: list[str] = Field(default_factory=list)
    """Namespaces whose ModelLoops are taken; none named: all."""
    autoscaler: bool = False
    """Whether the installation scales loops that ask for it by their load."""
    shared_standby: bool = False
    """Whether versions that nobody asks may answer from a pod that a project shares."""
    approval_policy: bool = False
    """Whether the API server lets approvers alone ask for less approval: the policy of millrace-crds is there."""
    namespace_projects: dict[str, str] = Field(default_factory=dict)
    """Project that a namespace stands for, where it is not the namespace's own name."""

    @property
    def replays_apart(self) -> bool:
        """Whether a backtest has a platform of its own, in its own process: on a laptop, where all of it is there."""
        return self.platform == "laptop" and not self.inside

"""What keeps a pod from running, in words that every service shares."""

from pydantic import Field

from millrace_contracts.bodies import Read


class Waiting(Read):
    """What a pod waits for that will not pass by itself."""

    reason: str = Field(
        description="In one CamelCase word, like Unschedulable, ImagePullBackOff, QuotaExceeded, OutOfMemory."
    )
    message: str = Field(description="In the cluster's own words.")

"""What may go into production, kept beside the controller: a second, simple account of who approved what, and when."""

import json
from dataclasses import dataclass, field
from datetime import datetime

PARTS = ("task", "target", "data", "training", "gates", "rollout")


class WayAround(AssertionError):
    """Something was rolled out that people had not approved as it was."""


@dataclass
class Asked:
    """A run that waits, as the world was when it began to wait."""

    version: int
    digest: str
    champion: int | None
    declared: str
    until: datetime
    of: int
    requesters: set
    approved: set = field(default_factory=set)
    rejected: bool = False
    begun: bool = False


class Ledger:
    """Told of every request that was taken; judges every rollout as it begins."""

    def __init__(self, platform, clock):
        self.world, self.clock = platform.world, clock
        self.asked, self.opened_by, self.askers = {}, {}, {}
        self.document = self.declarer = self.fault = None
        self.begun = []
        self.world.started = self.started

    def declared(self, body, who):
        """The loop is declared; who declares what is judged by it approves nothing of that."""
        document = json.dumps({name: body["spec"].get(name) for name in PARTS}, sort_keys=True)
        if document != self.document:
            self.document, self.declarer = document, who

    def opened(self, run):
        """A run is there."""
        self.opened_by.setdefault(run, self.declarer)

    def waits(self, run, version, until):
        """A run waits; the first time counts."""
        known = {self.declarer, self.opened_by.get(run), self.askers.get(run)} - {None}
        asked = Asked(
            version=version,
            digest=self.release(version),
            champion=self.answers(),
            declared=self.document,
            until=datetime.fromisoformat(until),
            of=json.loads(self.document)["gates"]["approval"].get("of", 1),
            requesters={name.casefold() for name in known},
        )
        self.asked.setdefault(run, asked)

    def answers(self):
        """The version in production."""
        return self.world.endpoints["sales"]["stable_version"]

    def release(self, version):
        """Digest of a registered version, as it is now."""
        return self.world.models["sales"][version - 1]["digest"]

    def approved(self, run, who, looked_at):
        """Somebody's approval of *run* was taken, who had looked at the run *looked_at*."""
        asked, person = self.asked[run], who.casefold()
        if looked_at != run:
            self.tell(f"what was said of run {looked_at} counts for run {run}")
        if person in asked.requesters:
            self.tell(f"{who} approved their own run {run}")
        if person in asked.approved:
            self.tell(f"{who} approved run {run} twice")
        if self.clock.now >= asked.until:
            self.tell(f"run {run} was approved too late")
        asked.approved.add(person)

    def started(self, endpoint, body):
        """Serving begins a rollout."""
        run = body["run"]
        self.begun.append(run)
        asked = self.asked.get(run)
        if asked is None:
            return self.tell(f"run {run} was rolled out, and nobody was asked")
        if len(asked.approved) < asked.of:
            self.tell(f"run {run} was rolled out with {len(asked.approved)} of {asked.of}")
        if asked.rejected:
            self.tell(f"run {run} was rolled out although it was rejected")
        if asked.begun:
            self.tell(f"run {run} was rolled out twice")
        if asked.champion != self.answers():
            self.tell(f"run {run} was rolled out over another champion")
        if asked.declared != self.document:
            self.tell(f"run {run} was rolled out by another document")
        if (asked.version, asked.digest) != (body["version"], self.release(body["version"])):
            self.tell(f"run {run} was rolled out with other bytes")
        asked.begun = True
        return None

    def tell(self, words):
        """Remember what went wrong: an error within a service's answer would be taken for that service's."""
        self.fault = self.fault or words

    def check(self):
        """Raises: WayAround if anything went past people."""
        if self.fault is not None:
            raise WayAround(self.fault)

"""What the demo promises, and what it only compares: decisions, requests and predictions bind, the machine does not."""

from dataclasses import dataclass

from millrace.demo.summary import Summary, Threshold

MINUTES, GIB = 60.0, 2**30


@dataclass(frozen=True)
class Bound:
    """A measured *value* against its *bound*; *missed*: the word for too much; *binding*: whether it fails the demo."""

    name: str
    value: float
    bound: float
    form: str
    missed: str = "MISSED"
    binding: bool = True

    @property
    def met(self) -> bool:
        """Whether the value is no larger than the bound."""
        return bool(self.value <= self.bound)

    def judged(self) -> Threshold:
        """As the summary and the page show it."""
        return Threshold(
            name=self.name,
            value=self.value,
            bound=self.bound,
            met=self.met,
            binding=self.binding,
            word="met" if self.met else self.missed,
            shown=self.form.format(self.value),
            bound_shown="≤ " + self.form.format(self.bound),
        )


def judge(summary: Summary, whole_year: bool) -> list[Threshold]:
    """All bounds with what was measured.

    Args:
        summary: the demo's summary without its thresholds.
        whole_year: False for a shortened demo, which has no yearly bounds on quality and number of runs.
    """
    bounds = (_of_a_year(summary) if whole_year else []) + _of_traffic(summary) + _of_the_machine(summary)
    return [bound.judged() for bound in bounds]


def _of_a_year(summary: Summary) -> list[Bound]:
    loop, static, best = (summary.rmse[name].overall for name in ("loop", "static", "hindsight"))
    return [
        Bound("RMSE of the loop, minutes", loop, 12.0, "{:.2f}"),
        Bound("RMSE against never retrained", loop / static, 0.85, "{:.3f}"),
        Bound("RMSE against the best in hindsight", loop / best, 1.15, "{:.3f}"),
        Bound("loop runs", summary.loop_runs, 12, "{:.0f}"),
    ]


def _of_traffic(summary: Summary) -> list[Bound]:
    return [
        Bound("failed requests", summary.requests.failed, 0, "{:.0f}"),
        Bound("lost predictions", summary.predictions.lost, 0, "{:.0f}"),
    ]


def _of_the_machine(summary: Summary) -> list[Bound]:
    """Memory and time, compared with a quiet machine of two cores; another machine is no fault of the platform."""
    wall, install = summary.wall_seconds, summary.install_seconds
    memory, slow = summary.peak_rss_bytes / GIB, "slower"
    return [
        Bound("peak memory of all processes, GiB", memory, 6, "{:.2f}", "more", binding=False),
        Bound("wall time, minutes", wall / MINUTES, 8, "{:.1f}", slow, binding=False),
        Bound(
            "wall time with the installation, minutes", (wall + install) / MINUTES, 12, "{:.1f}", slow, False
        ),
    ]

"""What was to be reached, and whether it was: each loop is judged on the streams that it went through."""

from collections.abc import Callable, Iterator

from tests.bench.decisions.policies import FIXED
from tests.bench.decisions.standing import MONTHLY, NEVER, OURS, Standing, ranks

WORSE, OVER = 1.03, 1.05
MINUTES, RUNS = 11.0, 12


def aims(standings: list[Standing]) -> Iterator[str]:
    """The aims and whether they were reached, as a table in Markdown."""
    yield "## What was to be reached"
    yield ""
    yield f"| aim | {' | '.join(OURS)} |"
    yield "|---" * (len(OURS) + 1) + "|"
    if not any(name in item.names for item in standings for name in OURS):
        yield "| no stream is through | – | – |"
        return
    rank = ranks(compared(standings))
    best = min(told[0] for told in rank.values())
    first = ", ".join(name for name, told in rank.items() if told[0] == best)
    lines: dict[str, Callable[[str], str]] = {
        f"nowhere more than {WORSE - 1:.0%} worse than the better of *{NEVER}* and *{MONTHLY}*": lambda name: (
            _kept(standings, name, (NEVER, MONTHLY), WORSE)
        ),
        f"at most {OVER} × the best of {', '.join(FIXED)} in hindsight": lambda name: _kept(
            standings, name, tuple(FIXED), OVER
        ),
        f"best mean rank of all policies (best: {first}, {best:.2f})": lambda name: _rank(rank, name, best),
    }
    flights = next((item for item in standings if item.name == "flights"), None)
    if flights is not None:
        head = f"flights: at most {MINUTES} minutes with at most {RUNS} runs (with this learner)"
        lines[head] = lambda name: _flights(flights, name)
    for head, cell in lines.items():
        yield f"| {head} | {' | '.join(cell(name) for name in OURS)} |"


def compared(standings: list[Standing]) -> list[Standing]:
    """The streams over which ranks are taken: those that the loop went through as it is by default, or any of them."""
    return [item for item in standings if OURS[-1] in item.names] or standings


def _kept(standings: list[Standing], name: str, rivals: tuple[str, ...], most: float) -> str:
    """Where a policy is further than *most* from the best of its rivals, with bounds."""
    told = {item.name: item.against(name, rivals) for item in standings if name in item.names}
    over = [
        f"{stream} {ratio:.3f} ({low:.3f} to {high:.3f})"
        for stream, (ratio, low, high) in told.items()
        if ratio > most
    ]
    if over:
        return f"**missed** on {len(over)} of {len(told)}: {', '.join(over)}"
    if len(told) == 1:
        return "kept on the one there is"
    return f"kept on all {len(told)}" if told else "–"


def _rank(rank: dict[str, tuple[float, float, float]], name: str, best: float) -> str:
    if name not in rank:
        return "–"
    return f"{'kept' if rank[name][0] == best else '**missed**'}: {rank[name][0]:.2f}"


def _flights(flights: Standing, name: str) -> str:
    if name not in flights.names:
        return "–"
    loss, runs = flights.overall()[name], len(flights.parts[name]["trained"])
    word = "kept" if loss <= MINUTES and runs <= RUNS else "**missed**"
    return f"{word}: {loss:.2f} minutes, {runs} runs"

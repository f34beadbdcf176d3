"""A loop's own history, as the gates take it: evidence of earlier runs, and how long an error has lasted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from millrace_contracts import durations
from millrace_contracts.learning import Block
from millrace_controller.gates.past import Past
from millrace_controller.runs import binding, plan
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Run
from millrace_stats.stakes import Prices

CARRIED_RUNS = 2
"""Earlier runs whose evidence counts: of more, the oldest would say little about retraining now."""
DAY = timedelta(days=1)


def of(loop: Loop, run: Run, before: Sequence[Run]) -> Past:
    """What the runs *before* this one, oldest first, have to say."""
    found, spec = _evidence(loop, run, before), loop.spec
    if spec.gates.prices is not None:
        lasting = [durations.parse(text) / DAY for text in spec.gates.prices.lasting()]
        return replace(found, prices=Prices(*lasting).bounded(), told="as the loop declares")
    measured = _measured(run, before)
    if measured is None:
        return found
    return replace(found, prices=measured.bounded(), told="by the loop's own history")


def _evidence(loop: Loop, run: Run, before: Sequence[Run]) -> Past:
    """Blocks of the newest runs in a row that were judged like this one; a block that two have is the newer one's.

    What was said of a graph from elsewhere says nothing of what is trained, nor the other way round; what was said of
    a candidate that failed in its canary was not so. Runs of an earlier release, which fitted nothing anew within the
    holdout, judged an older model than the one that would serve: they are counted, and set aside.
    """
    if plan.adopts(run.plan):
        return Past()
    document, champion = binding.of_document(loop), binding.rival(run)
    newest: dict[str, Block] = {}
    aside = set[str]()
    taken = 0
    for earlier in reversed(before):
        if earlier.judged is None or plan.adopts(earlier.plan) or earlier.state == State.ABORTED:
            continue
        if (binding.rival(earlier), earlier.judged.document) != (champion, document) or taken == CARRIED_RUNS:
            break
        taken += 1
        if earlier.plan.train.get("rolling") != run.plan.train.get("rolling"):
            aside |= {block.block for block in earlier.judged.blocks}
            continue
        for block in earlier.judged.blocks:
            newest.setdefault(block.block, block)
    carried = tuple(sorted(newest.values(), key=lambda block: block.block))
    return Past(carried, aside=len(aside - set(newest)))


def _measured(run: Run, before: Sequence[Run]) -> Prices | None:
    """A wrong promotion lasts until the next run at most; a champion has stayed as long as runs took to replace one.

    None without a span of event time in which there was more than one run.
    """
    judged = [earlier for earlier in before if earlier.judged is not None and earlier.opened_at is not None]
    if not judged or run.opened_at is None or judged[0].opened_at is None:
        return None
    days = (run.opened_at - judged[0].opened_at) / DAY
    promoted = sum(earlier.state == State.PROMOTED for earlier in judged)
    return Prices(days / len(judged), days / max(promoted, 1)) if days > 0 else None

"""When a channel is to be left alone: quiet hours by the clocks of a zone, and so many messages in so long. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from millrace_contracts import durations
from millrace_contracts.notices import AtMost, QuietHours


def hours(quiet: QuietHours, now: datetime) -> datetime | None:
    """When the quiet hours end that *now* lies in, in UTC; None outside of them."""
    zone = ZoneInfo(quiet.timezone)
    shown = now.astimezone(zone)
    begin, end = quiet.bounds()
    here = shown.time()
    within = begin <= here < end if begin < end else here >= begin or here < end
    if not within:
        return None
    day = shown.date() if here < end else shown.date() + timedelta(days=1)
    over = datetime.combine(day, end, zone).astimezone(UTC)
    return over if over > now else None


def rate(most: AtMost, sent: Sequence[datetime], now: datetime) -> datetime | None:
    """When the channel bears the next message, after what was *sent* (oldest first); None: now."""
    period = durations.parse(most.per)
    counted = [at for at in sent if at > now - period]
    if len(counted) < most.messages:
        return None
    return counted[-most.messages] + period

"""When patients may be sent an SMS: 8 to 20 h in Paris by default; the law would allow more (docs/adr/0005)."""

from __future__ import annotations

from datetime import datetime, time, timedelta


def wait_s(now: datetime, quiet_hours: str) -> int:
    """Seconds until an SMS may be sent, 0 if at once.

    Parameters
    ----------
    now
        With a time zone.
    quiet_hours
        `20-8`: from 20:00 until 8:00, Europe/Paris; "" for none.

    >>> from datetime import timezone
    >>> wait_s(datetime(2026, 1, 5, 22, 0, tzinfo=timezone.utc), "20-8")  # 23:00 in Paris
    32400
    >>> wait_s(datetime(2026, 1, 5, 12, 0, tzinfo=timezone.utc), "20-8")
    0
    """
    if not quiet_hours:
        return 0
    from zoneinfo import ZoneInfo

    first, last = (int(hour) for hour in quiet_hours.split("-"))
    local = now.astimezone(ZoneInfo("Europe/Paris"))
    is_quiet = (first <= local.hour < last) if first < last else (local.hour >= first or local.hour < last)
    if not is_quiet:
        return 0
    day = local.date() if local.hour < last else local.date() + timedelta(days=1)
    end = datetime.combine(day, time(last), tzinfo=local.tzinfo)
    return max(1, int(end.timestamp() - now.timestamp()))

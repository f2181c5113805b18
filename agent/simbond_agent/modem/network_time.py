"""What time it is, as the network told the module (NITZ). A board that never calls Modem.time() may leave this out."""

from ..at import name_of, split_prefix

_DAYS = b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"


async def read(channel, command, local):
    """Seconds since 1970-01-01 UTC as command tells them, or None. local: see unix_time()."""
    final, lines = await channel.command(command)
    for line in lines if final == "OK" else ():
        prefix, text = split_prefix(line)
        if prefix == name_of(command):
            return unix_time(text, local)
    return None


def unix_time(text, local):
    """Seconds since 1970-01-01 UTC of "yy/MM/dd,hh:mm:ss+zz" (TS 27.007 clause 8.15), or None; the year may be in full.

    zz is in quarters of an hour. local: the rest is local time, which needs zz to become UTC; else it is UTC. What a
    clock shows that nobody has set (1970, 1980, 2004, 2015) is no time, and years of two digits end in 2069.
    """
    f = text.strip('" ').replace(",", "/").replace(":", "/").split("/")
    if len(f) < 6 or len(f[0]) not in (2, 4):
        return None
    zone = f[5][2:].strip('"')
    f[5] = f[5][:2]
    if [x for x in f[:6] if not _is_decimal(x)]:
        return None
    year, month, day, hour, minute, second = [int(x) for x in f[:6]]
    if year < 100:
        year += 2000
    if not (2024 <= year < 2070 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    if hour > 23 or minute > 59 or second > 59 or (month == 2 and day == 29 and year % 4):
        return None
    quarters = 0
    if local:
        if len(zone) != 3 or zone[0] not in "+-" or not _is_decimal(zone[1:]) or int(zone[1:]) > 96:
            return None
        quarters = int(zone)
    if month < 3:  # counted from March the leap day is the last of its year
        month += 12
        year -= 1
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
    return ((days * 24 + hour) * 60 + minute - 15 * quarters) * 60 + second


def _is_decimal(text):
    return 1 <= len(text) <= 4 and not text.strip("0123456789")

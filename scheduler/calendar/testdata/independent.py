"""Writes NAME.txt for each NAME.ics: what recurring-ical-events makes of it from March to May 2026, in UTC.
Debian: python3-recurring-ical-events, which brings python3-icalendar and python3-dateutil.

    /usr/bin/python3 independent.py

It is told the zones of the names that it does not know, because it does not read VTIMEZONE.
"""
import datetime
import glob
import sys
import zoneinfo

import icalendar
import recurring_ical_events

KNOWN = {
    "W. Europe Standard Time": "Europe/Berlin",
    "Customized Time Zone": "Pacific/Auckland",
    "/mozilla.org/20050126_1/America/Santiago": "America/Santiago",
}
utc = datetime.timezone.utc


def first(t):
    """Of a time that clocks show twice pytz takes the second, and zoneinfo the first, as RFC 5545 has it."""
    zone = getattr(getattr(t, "tzinfo", None), "zone", None)
    return t.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(utc) if zone else t


def write(t):
    if not isinstance(t, datetime.datetime):
        return t.isoformat()
    if t.tzinfo is None:
        return t.strftime("%Y-%m-%dT%H:%M:%S")
    return t.astimezone(utc).strftime("%Y-%m-%dT%H:%M:%SZ")


for name in sorted(glob.glob("*.ics")):
    text = open(name, encoding="utf-8-sig", newline="").read()
    text = text.replace("X-WR-TIMEZONE:", "X-OTHER:")  # floating times stay floating here
    for there, here in KNOWN.items():
        text = text.replace("TZID=" + there, "TZID=" + here)
    events = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(
        datetime.datetime(2026, 3, 1, tzinfo=utc), datetime.datetime(2026, 6, 1, tzinfo=utc))
    lines = []
    for e in events:
        start = e.decoded("DTSTART")
        end = e.decoded("DTEND") if "DTEND" in e else start + e.decoded("DURATION")
        if first(start) != start:
            start, end = first(start), first(start) + (end - start)
        lines.append(" ".join([write(start), write(end), str(e.get("STATUS", "-")), str(e["UID"])]))
    open(name.replace(".ics", ".txt"), "w").write("\n".join(sorted(lines)) + "\n")

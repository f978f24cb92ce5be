"""Reads a calendar on standard input with Debian's python3-icalendar, and prints a line of JSON for each event: its instants
in UTC, worked out with the zones as the calendar itself describes them.

    /usr/bin/python3 read.py < calendar.ics
"""
import datetime
import json
import sys

import icalendar

utc = datetime.timezone.utc
source = sys.stdin.buffer.read()
for line in source.split(b"\r\n"):
    assert len(line) <= 75, line
    line.decode("utf-8")  # no character is cut
calendar = icalendar.Calendar.from_ical(source)
zones = {}
for z in calendar.walk("VTIMEZONE"):
    zones[str(z["TZID"])] = z.to_tz()


def instant(prop):
    t = prop.dt
    if not isinstance(t, datetime.datetime):
        return t.isoformat()
    name = prop.params.get("TZID")
    if name and name != "UTC":
        t = zones[name].localize(t.replace(tzinfo=None), is_dst=None)  # which refuses a time that clocks show twice, or never
    elif t.tzinfo is None:
        return t.strftime("%Y-%m-%dT%H:%M:%S")
    return t.astimezone(utc).strftime("%Y-%m-%dT%H:%M:%SZ")


for e in calendar.walk("VEVENT"):
    print(json.dumps({
        "uid": str(e["UID"]), "start": instant(e["DTSTART"]), "end": instant(e["DTEND"] if "DTEND" in e else e["DTSTART"]),
        "summary": str(e.get("SUMMARY", "")), "location": str(e.get("LOCATION", "")), "status": str(e.get("STATUS", "")),
        "sequence": int(e["SEQUENCE"]), "alarms": len(e.walk("VALARM")),
    }))

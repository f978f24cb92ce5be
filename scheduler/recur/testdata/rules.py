"""Writes rules.txt: recurrence rules and what python-dateutil makes of them. Debian: python3-dateutil.

    /usr/bin/python3 rules.py > rules.txt

The rules are the examples of RFC 5545, section 3.8.5.3, and 400 made at random. Rules that dateutil reads otherwise than
the RFC (BYWEEKNO without a day, times of day by BYSETPOS within the day) are left out.
"""
import itertools
import random
from datetime import datetime

import dateutil
from dateutil.rrule import rrulestr

EXAMPLES = """
19970902T090000 FREQ=DAILY;COUNT=10
19970902T090000 FREQ=DAILY;UNTIL=19971224T000000
19970902T090000 FREQ=DAILY;INTERVAL=2
19970902T090000 FREQ=DAILY;INTERVAL=10;COUNT=5
19980101T090000 FREQ=YEARLY;UNTIL=20000131T140000;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA
19970902T090000 FREQ=WEEKLY;COUNT=10
19970902T090000 FREQ=WEEKLY;INTERVAL=2;WKST=SU
19970902T090000 FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH
19970901T090000 FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000;WKST=SU;BYDAY=MO,WE,FR
19970902T090000 FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH
19970905T090000 FREQ=MONTHLY;COUNT=10;BYDAY=1FR
19970907T090000 FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU
19970922T090000 FREQ=MONTHLY;COUNT=6;BYDAY=-2MO
19970928T090000 FREQ=MONTHLY;BYMONTHDAY=-3
19970902T090000 FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15
19970930T090000 FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1
19970910T090000 FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15
19970902T090000 FREQ=MONTHLY;INTERVAL=2;BYDAY=TU
19970610T090000 FREQ=YEARLY;COUNT=10;BYMONTH=6,7
19970310T090000 FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3
19970101T090000 FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200
19970519T090000 FREQ=YEARLY;BYDAY=20MO
19970512T090000 FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO
19970313T090000 FREQ=YEARLY;BYMONTH=3;BYDAY=TH
19970605T090000 FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8
19970902T090000 FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13
19970913T090000 FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13
19961105T090000 FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8
19970904T090000 FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3
19970929T090000 FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2
19970902T090000 FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000
19970902T090000 FREQ=MINUTELY;INTERVAL=15;COUNT=6
19970902T090000 FREQ=MINUTELY;INTERVAL=90;COUNT=4
19970902T090000 FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40
19970902T090000 FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16
19970805T090000 FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO
19970805T090000 FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU
20070115T090000 FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5
"""
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def pick(r, values, most=3):
    return ",".join(str(v) for v in sorted(r.sample(values, r.randint(1, most))))


def rule(r):
    freq = r.choice(["YEARLY", "MONTHLY", "MONTHLY", "WEEKLY", "WEEKLY", "DAILY", "HOURLY"])
    parts = ["FREQ=" + freq]
    if r.random() < 0.6:
        parts.append("INTERVAL=%d" % r.randint(1, 7))
    if r.random() < 0.3:
        parts.append("WKST=" + r.choice(DAYS))
    if r.random() < 0.4:
        parts.append("BYMONTH=" + pick(r, range(1, 13), 5))
    days = False
    if r.random() < 0.5:
        names = r.sample(DAYS, r.randint(1, 4))
        if freq in ("YEARLY", "MONTHLY") and r.random() < 0.5:
            names = [str(r.choice([-2, -1, 1, 2, 3, 4])) + d for d in names]
        parts.append("BYDAY=" + ",".join(names))
        days = True
    if freq != "WEEKLY" and r.random() < 0.3:
        parts.append("BYMONTHDAY=" + pick(r, [d for d in range(-31, 32) if d]))
    if freq == "YEARLY" and r.random() < 0.2:
        parts.append("BYYEARDAY=" + pick(r, [d for d in range(-366, 367) if d], 9))
    elif freq == "YEARLY" and days and r.random() < 0.3 and "BYMONTH=" not in ";".join(parts) and not any(c.isdigit() for c in parts[-1]):
        parts.append("BYWEEKNO=" + pick(r, range(1, 53)))
    if freq in ("YEARLY", "MONTHLY", "WEEKLY") and days and r.random() < 0.3:
        parts.append("BYSETPOS=" + pick(r, [-2, -1, 1, 2, 3], 2))
    if freq != "HOURLY" and r.random() < 0.2:
        parts.append("BYHOUR=" + pick(r, range(24), 3))
    if r.random() < 0.1:
        parts.append("BYMINUTE=" + pick(r, range(60), 3))
    end = r.random()
    if end < 0.3:
        parts.append("COUNT=%d" % r.randint(1, 30))
    elif end < 0.5:
        parts.append("UNTIL=%04d%02d%02dT120000" % (r.randint(2026, 2031), r.randint(1, 12), r.randint(1, 28)))
    return ";".join(parts)


def main():
    r = random.Random(20261125)
    lines = EXAMPLES.split("\n")
    for _ in range(400):
        start = datetime(r.randint(2019, 2026), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.choice([0, 15, 30]))
        lines.append(start.strftime("%Y%m%dT%H%M%S ") + rule(r))
    print("# python-dateutil %s; see rules.py" % dateutil.__version__)
    for line in filter(None, lines):
        start, text = line.split()
        rule_ = rrulestr(text, dtstart=datetime.strptime(start, "%Y%m%dT%H%M%S"))
        until_2200 = itertools.takewhile(lambda d: d.year < 2200, rule_)
        print(line, " ".join(d.strftime("%Y%m%dT%H%M") for d in itertools.islice(until_2200, 25)))


main()

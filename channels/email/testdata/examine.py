# Reads messages by Python's own mail package and verifies their signatures by dkimpy, with the DNS that it is given.
# Standard input: {"messages": [text], "dns": {name: record}}. Standard output: what it found of each, as a JSON list.
import email
import email.policy
import json
import sys

import dkim

given = json.load(sys.stdin)


def dnsfunc(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    record = given["dns"].get(name.rstrip("."))
    return record.encode() if record else None


def verify(raw, index):
    d = dkim.DKIM(raw)
    try:
        ok = d.verify(idx=index, dnsfunc=dnsfunc)
    except dkim.ValidationError:
        ok = False
    return {
        "ok": ok,
        "algorithm": d.signature_fields.get(b"a", b"").decode(),
        "headers": d.signature_fields.get(b"h", b"").decode().lower().replace(" ", ""),
    }


def examine(raw):
    signatures = raw.split(b"\r\n\r\n", 1)[0].lower().count(b"dkim-signature:")
    message = email.message_from_bytes(raw, policy=email.policy.default)
    return {
        "verified": [verify(raw, index) for index in range(signatures)],
        "defects": [repr(d) for part in message.walk() for d in part.defects],
        "type": message.get_content_type(),
        "parts": [
            {"type": p.get_content_type(), "charset": p.get_content_charset(), "text": p.get_content()}
            for p in message.walk()
            if not p.is_multipart()
        ],
        "headers": {k.lower(): [str(v) for v in message.get_all(k)] for k in message.keys()},
        "longest": max(len(line) for line in raw.split(b"\r\n")),
        "bare": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
        "ascii": all(b < 128 for b in raw),
    }


json.dump([examine(m.encode()) for m in given["messages"]], sys.stdout)

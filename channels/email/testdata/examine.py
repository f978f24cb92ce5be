# Reads one message by Python's own mail package and verifies its signatures by dkimpy, with the DNS that it is given.
# Standard input: {"message": text, "dns": {name: record}}. Standard output: what it found, as JSON.
import email
import email.policy
import json
import sys

import dkim

given = json.load(sys.stdin)
raw = given["message"].encode()


def dnsfunc(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    record = given["dns"].get(name.rstrip("."))
    return record.encode() if record else None


signatures = raw.split(b"\r\n\r\n", 1)[0].lower().count(b"dkim-signature:")
verified = []
for index in range(signatures):
    d = dkim.DKIM(raw)
    try:
        ok = d.verify(idx=index, dnsfunc=dnsfunc)
    except dkim.ValidationError:
        ok = False
    verified.append({
        "ok": ok,
        "algorithm": d.signature_fields.get(b"a", b"").decode(),
        "headers": d.signature_fields.get(b"h", b"").decode().lower().replace(" ", ""),
    })

message = email.message_from_bytes(raw, policy=email.policy.default)
json.dump({
    "verified": verified,
    "defects": [repr(d) for part in message.walk() for d in part.defects],
    "type": message.get_content_type(),
    "parts": [{"type": p.get_content_type(), "charset": p.get_content_charset(), "text": p.get_content(), "disposition": p.get_content_disposition()} for p in message.iter_parts()],
    "headers": {k.lower(): [str(v) for v in message.get_all(k)] for k in message.keys()},
    "longest": max(len(line) for line in raw.split(b"\r\n")),
    "bare": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
    "ascii": all(b < 128 for b in raw),
}, sys.stdout)

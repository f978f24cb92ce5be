#!/usr/bin/env python3
"""Adapter for examplechat, version 1 of Carillon's adapter protocol. Standard library only.

  adapter.py FOLDER                        lines of JSON over standard input and output
  adapter.py FOLDER --listen HOST:PORT     signed HTTP; ADAPTER_SECRET holds one secret whsec_..., or two while it is changed

FOLDER keeps which messages were sent. Yours to change: DESCRIPTION, deliver, check.
"""
import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import sys
import threading
import time

LIMIT = 1000  # characters
PEOPLE, NOBODY = ["test-1", "test-2"], "test-nobody"  # for the conformance kit: what goes there reaches nobody
DESCRIPTION = {  # README.md has what else may stand here: receipts, replies, opt-outs, CommonMark, a subject
    "protocol": 1,
    "name": "examplechat",
    "kind": "examplechat",
    "address": {"pattern": "[a-z0-9._-]+", "example": "anna", "lower": True},
    "text": {"markup": "plain", "limit": LIMIT, "unit": "characters"},
    "dedupe_seconds": 86400,
    "longest_attempt_seconds": 20,
    "concurrent": 8,
    "test": {"people": PEOPLE, "refused": NOBODY},
}


class Refused(Exception):
    """The provider did not take the message, for sure. Anything else that deliver raises is doubt."""

    def __init__(self, kind, scope, code, detail, **more):
        self.error = {"class": kind, "scope": scope, "code": code, "detail": detail, **more}


class Adapter:
    def __init__(self, folder):
        self.keys, self.out = pathlib.Path(folder, "keys"), pathlib.Path(folder, "out")
        for each in (self.keys, self.out):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    def deliver(self, message, name):
        """Hand one message to the provider and give its id there. Make one attempt. This provider collects files from out/."""
        write(self.out / (name + ".json"), json.dumps({"to": message["to"], "text": message["text"]}))
        return name

    def check(self):
        """Raise Refused if messages could not be sent now: ask the provider about your credentials here."""
        for each in (self.keys, self.out):
            if not os.access(each, os.W_OK):
                raise Refused("auth", "channel", "folder", "a folder cannot be written to; let the adapter's user write there")

    def describe(self):
        for each in self.keys.iterdir():  # two days are more than dedupe_seconds
            if each.stat().st_mtime < time.time() - 2 * 86400:
                each.unlink(missing_ok=True)
        return DESCRIPTION

    def send(self, message):
        if not all(isinstance(message.get(field), str) for field in ("key", "to", "text")):
            raise Refused("permanent", "content", "incomplete", "key, to or text is missing")
        expires = message.get("expires")
        if expires and instant(expires) < datetime.datetime.now(datetime.timezone.utc):
            raise Refused("permanent", "content", "expired", "it came too late", expired=True)
        if len(message["text"]) > LIMIT:
            raise Refused("permanent", "content", "too-long", "the text is longer than the limit")
        if message["to"] == NOBODY:
            raise Refused("permanent", "address", "no-such-user", "there is no such user at the provider")
        # The key is taken before the attempt and gets its id after it: whoever finds it without one does not send again.
        name = digest(message["key"])
        record = self.keys / name
        try:
            record.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            sent = record.read_text()
            if sent:
                return {"id": sent}
            raise Refused("unknown", "channel", "in-doubt", "an attempt under this key has not told its end")
        try:
            sent = name if message["to"] in PEOPLE else self.deliver(message, name)
        except Refused as refused:
            if refused.error["class"] != "unknown":
                record.unlink()
            raise
        write(record, sent)
        return {"id": sent}

    def answer(self, line):
        """Answer one request; None to what is none."""
        try:
            request = json.loads(line)
            number, do, given = request["id"], request["do"], request.get("with") or {}
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if not (isinstance(number, str) and isinstance(do, str) and isinstance(given, dict)):
            return None
        try:
            if do == "describe":
                done = self.describe()
            elif do == "check":
                done = self.check() or {}
            elif do == "send":
                done = self.send(given)
            else:
                raise Refused("permanent", "channel", "unknown-request", "this adapter cannot do that")
        except Refused as refused:
            return {"id": number, "error": refused.error}
        except Exception as fault:  # its text may hold addresses
            print("a request ended with", type(fault).__name__, file=sys.stderr)
            return {"id": number, "error": {"class": "unknown", "scope": "channel", "detail": "the adapter failed; its log says at what"}}
        return {"id": number, "ok": done}


def write(path, text):
    """Whole or not at all."""
    torn = path.with_suffix(".part")
    torn.write_text(text, encoding="utf-8")
    torn.replace(path)


def digest(key):
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def instant(text):
    return datetime.datetime.strptime(text[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")


def pipes(adapter):
    one = threading.Lock()

    def serve(line):
        answer = adapter.answer(line)
        if answer is not None:
            with one:
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()

    with concurrent.futures.ThreadPoolExecutor(DESCRIPTION["concurrent"]) as pool:
        for line in sys.stdin.buffer:
            pool.submit(serve, line)


def genuine(headers, body, secrets, now):
    """Standard Webhooks: HMAC-SHA256 of id, timestamp and body, no older than five minutes."""
    number, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isascii() or not at.isdigit() or abs(now - int(at)) > 300:
        return False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        want = base64.b64encode(hmac.digest(key, ("%s.%s." % (number, at)).encode() + body, "sha256"))
        if any(hmac.compare_digest(b"v1," + want, each.encode()) for each in headers.get("webhook-signature", "").split()):
            return True
    return False


def listen(adapter, where, secrets):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        wbufsize = 1 << 16  # an answer leaves in one piece

        def do_POST(self):
            size = self.headers.get("content-length", "")
            if not size.isdigit() or int(size) > 1 << 20:
                self.close_connection = True
                return self.reply(413)
            body = self.rfile.read(int(size))
            if not genuine(self.headers, body, secrets, time.time()):
                return self.reply(401)
            answer = adapter.answer(body)
            return self.reply(400) if answer is None else self.reply(200, json.dumps(answer).encode())

        def reply(self, status, body=b""):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    host, _, port = where.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    print("listening on http://%s:%d/" % (host, server.server_port), file=sys.stderr, flush=True)
    server.serve_forever()


def main(args):
    if len(args) == 1:
        return pipes(Adapter(args[0]))
    secrets = os.environ.get("ADAPTER_SECRET", "").split()
    if len(args) != 3 or args[1] != "--listen" or not secrets:
        sys.exit("usage: adapter.py FOLDER [--listen HOST:PORT, with ADAPTER_SECRET in the environment]")
    return listen(Adapter(args[0]), args[2], secrets)


if __name__ == "__main__":
    main(sys.argv[1:])

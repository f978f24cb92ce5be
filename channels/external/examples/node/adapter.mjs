#!/usr/bin/env node
// Adapter for examplechat, version 1 of Carillon's adapter protocol. Node 18 or later, nothing else.
//
//   adapter.mjs FOLDER                       lines of JSON over standard input and output
//   adapter.mjs FOLDER --listen HOST:PORT    signed HTTP; ADAPTER_SECRET holds one secret whsec_..., or two while it is changed
//
// FOLDER keeps which messages were sent. Yours to change: description, deliver, check.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import * as fs from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const limit = 1000; // characters
const people = ["test-1", "test-2"], nobody = "test-nobody"; // for the conformance kit: what goes there reaches nobody
const description = { // README.md has what else may stand here: receipts, replies, opt-outs
  protocol: 1,
  name: "examplechat",
  kind: "examplechat",
  address: { pattern: "[a-z0-9._-]+", example: "anna", lower: true },
  text: { markup: "markdown", limit, unit: "characters", subject: true, calendar: true }, // or only markup: "plain"
  dedupe_seconds: 86400,
  longest_attempt_seconds: 20,
  concurrent: 8,
  test: { people, refused: nobody },
};

/** The provider did not take the message, for sure. Anything else that deliver throws is doubt. */
export class Refused extends Error {
  constructor(kind, scope, code, detail, more = {}) {
    super(detail);
    this.error = { class: kind, scope, code, detail, ...more };
  }
}

export class Adapter {
  constructor(folder) {
    this.keys = join(folder, "keys");
    this.out = join(folder, "out");
    for (const each of [this.keys, this.out]) fs.mkdirSync(each, { recursive: true, mode: 0o700 });
  }

  /** Hands one message to the provider and gives its id there. Make one attempt. This provider collects files from out/. */
  async deliver(message, name) {
    write(join(this.out, `${name}.json`), JSON.stringify({ to: message.to, subject: message.subject, text: message.text, calendar: message.calendar }));
    return name;
  }

  /** Throws Refused if messages could not be sent now: ask the provider about your credentials here. */
  async check() {
    for (const each of [this.keys, this.out]) {
      try {
        fs.accessSync(each, fs.constants.W_OK);
      } catch {
        throw new Refused("auth", "channel", "folder", "a folder cannot be written to; let the adapter's user write there");
      }
    }
    return {};
  }

  describe() {
    for (const each of fs.readdirSync(this.keys)) { // two days are more than dedupe_seconds
      const path = join(this.keys, each), kept = fs.statSync(path, { throwIfNoEntry: false });
      if (kept && kept.mtimeMs < Date.now() - 2 * 86400_000) fs.rmSync(path, { force: true });
    }
    return description;
  }

  async send(message) {
    if (["key", "to", "text"].some((field) => typeof message[field] !== "string")) throw new Refused("permanent", "content", "incomplete", "key, to or text is missing");
    if (message.expires && Date.parse(message.expires) < Date.now()) throw new Refused("permanent", "content", "expired", "it came too late", { expired: true });
    if ([...message.text].length > limit) throw new Refused("permanent", "content", "too-long", "the text is longer than the limit");
    if (message.to === nobody) throw new Refused("permanent", "address", "no-such-user", "there is no such user at the provider");
    // The key is taken before the attempt and gets its id after it: whoever finds it without one does not send again.
    const name = digest(message.key), record = join(this.keys, name);
    try {
      fs.writeFileSync(record, "", { flag: "wx", mode: 0o600 });
    } catch (fault) {
      if (fault.code !== "EEXIST") throw fault;
      const sent = fs.readFileSync(record, "utf8");
      if (sent) return { id: sent };
      throw new Refused("unknown", "channel", "in-doubt", "an attempt under this key has not told its end");
    }
    let sent;
    try {
      sent = people.includes(message.to) ? name : await this.deliver(message, name);
    } catch (fault) {
      if (fault instanceof Refused && fault.error.class !== "unknown") fs.rmSync(record);
      throw fault;
    }
    write(record, sent);
    return { id: sent };
  }

  /** Answers one request; null to what is none. */
  async answer(line) {
    let id, what, given;
    try {
      ({ id, do: what, with: given } = JSON.parse(line));
    } catch {
      return null;
    }
    given ??= {};
    if (typeof id !== "string" || typeof what !== "string" || typeof given !== "object") return null;
    try {
      if (!["describe", "check", "send"].includes(what)) throw new Refused("permanent", "channel", "unknown-request", "this adapter cannot do that");
      return { id, ok: await this[what](given) };
    } catch (fault) {
      if (fault instanceof Refused) return { id, error: fault.error };
      console.error("a request ended with", fault.code ?? fault.name); // its text may hold addresses
      return { id, error: { class: "unknown", scope: "channel", detail: "the adapter failed; its log says at what" } };
    }
  }
}

/** Whole or not at all. */
function write(path, text) {
  fs.writeFileSync(`${path}.part`, text, { mode: 0o600 });
  fs.renameSync(`${path}.part`, path);
}

const digest = (key) => createHash("sha256").update(key).digest("hex").slice(0, 32);

/** Standard Webhooks: HMAC-SHA256 of id, timestamp and body, no older than five minutes. */
function genuine(headers, body, secrets) {
  const at = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(at) || Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const want = Buffer.from("v1," + createHmac("sha256", key).update(`${headers["webhook-id"]}.${at}.`).update(body).digest("base64"));
    return given.some((each) => each.length === want.length && timingSafeEqual(Buffer.from(each), want));
  });
}

function pipes(adapter) {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const answer = await adapter.answer(line);
    if (answer) process.stdout.write(JSON.stringify(answer) + "\n");
  });
}

function listen(adapter, where, secrets) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    let size = 0;
    try {
      for await (const chunk of request) {
        if ((size += chunk.length) > 1 << 20) return response.writeHead(413).end();
        chunks.push(chunk);
      }
    } catch {
      return response.destroy();
    }
    const body = Buffer.concat(chunks);
    if (request.method !== "POST" || !genuine(request.headers, body, secrets)) return response.writeHead(401).end();
    const answer = await adapter.answer(body.toString());
    if (!answer) return response.writeHead(400).end();
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  const colon = where.lastIndexOf(":");
  server.listen(Number(where.slice(colon + 1)), where.slice(0, colon), () => {
    console.error(`listening on http://${where.slice(0, colon)}:${server.address().port}/`);
  });
}

function main([folder, flag, where, ...more]) {
  if (folder && !flag) return pipes(new Adapter(folder));
  const secrets = (process.env.ADAPTER_SECRET ?? "").split(" ").filter(Boolean);
  if (flag !== "--listen" || !where || more.length || !secrets.length) {
    console.error("usage: adapter.mjs FOLDER [--listen HOST:PORT, with ADAPTER_SECRET in the environment]");
    process.exit(2);
  }
  return listen(new Adapter(folder), where, secrets);
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main(process.argv.slice(2));

// node --test
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, afterEach, test } from "node:test";

import { Adapter, Refused } from "./adapter.mjs";

const message = { attempt: "a", part: 0, key: "d-p-0-0", to: "anna", text: "Meeting at seven." };
let folder, adapter;
const ask = (what, given = {}) => adapter.answer(JSON.stringify({ id: "1", do: what, with: given }));

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "adapter-"));
  adapter = new Adapter(folder);
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

test("subject and calendar are delivered", async () => {
  await ask("send", { ...message, subject: "Meeting", calendar: "BEGIN:VCALENDAR" });
  const [file] = fs.readdirSync(join(folder, "out"));
  const { subject, calendar } = JSON.parse(fs.readFileSync(join(folder, "out", file)));
  assert.deepEqual([subject, calendar], ["Meeting", "BEGIN:VCALENDAR"]);
});

test("a message is delivered once", async () => {
  const first = await ask("send", message);
  assert.deepEqual(await ask("send", message), first);
  const texts = fs.readdirSync(join(folder, "out")).map((each) => JSON.parse(fs.readFileSync(join(folder, "out", each))).text);
  assert.deepEqual(texts, ["Meeting at seven."]);
});

test("what was refused may be tried again", async () => {
  adapter.deliver = () => { throw new Refused("temporary", "channel", "closed", "the provider is closed"); };
  assert.equal((await ask("send", message)).error.class, "temporary");
  delete adapter.deliver;
  assert.ok((await ask("send", message)).ok);
});

test("doubt stays doubt", async () => {
  adapter.deliver = () => { throw new Error("silence"); };
  for (let i = 0; i < 2; i++) assert.equal((await ask("send", message)).error.class, "unknown");
});

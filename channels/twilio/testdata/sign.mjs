// Signs requests with Twilio's own library for Node, for TestAgreesWithTwiliosOwnSigner; sign.sh runs it.
import webhooks from "twilio/lib/webhooks/webhooks.js";
import { createHash } from "node:crypto";

const { getExpectedTwilioSignature } = webhooks;
const token = "0123456789abcdef0123456789abcdef";
const old = "fedcba9876543210fedcba9876543210";
const base = "https://gateway.example.org/hooks/sms-berlin";

const cases = [
  ["a status callback", base + "?a=01890000-0000-7000-8000-000000000001&p=0", { AccountSid: "AC00000000000000000000000000000001", ApiVersion: "2010-04-01", From: "+12025550101", MessageSid: "SM00000000000000000000000000000001", MessageStatus: "delivered", SmsSid: "SM00000000000000000000000000000001", SmsStatus: "delivered", To: "+12025550102", RawDlrDoneDate: "2611231000" }],
  ["a text", base, { Body: "STOP", From: "+12025550101", MessageSid: "SM00000000000000000000000000000002", NumMedia: "0", OptOutType: "STOP", To: "+12025550102" }],
  ["texts of four scripts, signs and line ends", base, { Body: "شكراً · спасибо · ကျေးဇူး · 谢谢 😀\r\n+&=?#% \"'<>", From: "+12025550101", MessageSid: "SM00000000000000000000000000000003", To: "+12025550102" }],
  ["names whose order differs by case", base, { a: "1", B: "2", A: "3", b: "4", _: "5", "Media.0": "6" }],
  ["empty values", base, { Body: "", From: "+12025550101", City: "" }],
  ["no parameters", base, {}],
  ["a query that is escaped", base + "?name=caf%C3%A9&x=1%202", { Body: "hi" }],
  ["a port of its own", "https://gateway.example.org:8443/hooks/sms-berlin", { Body: "hi" }],
];

const form = (params) => new URLSearchParams(params).toString();
const out = cases.map(([name, url, params]) => ({ name, url, body: form(params), signature: getExpectedTwilioSignature(token, url, params), old: getExpectedTwilioSignature(old, url, params) }));
const json = JSON.stringify({ status: "delivered", text: "ça" });
const signed = base + "?bodySHA256=" + createHash("sha256").update(json, "utf8").digest("hex");
out.push({ name: "a body in JSON", url: signed, body: json, signature: getExpectedTwilioSignature(token, signed, {}), old: getExpectedTwilioSignature(old, signed, {}) });
process.stdout.write(JSON.stringify({ token, old, cases: out }, null, "\t") + "\n");

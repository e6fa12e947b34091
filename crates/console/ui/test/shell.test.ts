import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { curl, grpcurl, quote, tenterhook } from "../src/pure/shell.ts";

/** What a shell makes of a word. */
function echoed(word: string): string {
  return execFileSync("bash", ["-c", `printf %s ${word}`], { encoding: "utf8" });
}

test("a_shell_reads_back_what_was_quoted", () => {
  for (const word of [
    "plain",
    "two words",
    "it's",
    '"$(reboot)"',
    "`id`",
    "a\nb",
    "back\\slash",
    "\u001b[31m",
    "a\u202eb'c\\d",
    "!history",
    "",
  ]) {
    assert.equal(echoed(quote(word)), word);
  }
});

test("no_control_character_reaches_the_terminal", () => {
  assert.doesNotMatch(quote("a\u001b[2Jb\u202e"), /[\u001b\u202e]/);
});

test("a_request_becomes_a_curl_command", () => {
  const command = curl({
    method: "POST",
    url: "https://shop.example.com/hooks?a=1&b=2",
    headers: [{ name: "webhook-id", value: "evt_1" }],
    body: '{"a": 1}',
  });
  assert.equal(
    command,
    "curl --request POST 'https://shop.example.com/hooks?a=1&b=2' \\\n  --header 'webhook-id: evt_1' \\\n  --data-raw '{\"a\": 1}'",
  );
});

test("a_call_becomes_a_grpcurl_command", () => {
  assert.equal(
    grpcurl("http://127.0.0.1:50051", "WebhookService/ListWebhooks", {}),
    "grpcurl -plaintext 127.0.0.1:50051 tenterhook.v1.WebhookService/ListWebhooks",
  );
  assert.match(
    grpcurl("https://hooks.example.com", "EventService/GetEvent", { eventId: "e" }),
    /-H "authorization: Bearer \$TENTERHOOK_API_KEY" -d '\{"eventId":"e"\}' hooks\.example\.com tenterhook/,
  );
});

test("the_namespace_goes_along_unless_it_is_the_default", () => {
  assert.equal(tenterhook("default", "webhook", "show", "my hook"), "tenterhook webhook show 'my hook'");
  assert.equal(tenterhook("acme", "status"), "tenterhook status --namespace acme");
});

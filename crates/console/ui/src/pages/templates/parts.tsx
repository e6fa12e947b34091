// The parts of a webhook's request and its rules, each in an editor.

import { create } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import {
  BodyFormat,
  HttpMethod,
  RequestTemplateSchema,
  type TemplateError,
  UndefinedBehavior,
  type Webhook,
} from "tenterhook/web";
import { may } from "../../api/server.ts";
import { Check, Choice, Field } from "../../parts/field.tsx";
import type { Draft } from "../webhook/draft.ts";
import { CodeField } from "./code-field.tsx";
import { Rules } from "./rules.tsx";

const parts = ["url", "headers", "body", "rules"] as const;

export type Part = (typeof parts)[number];

export function isPart(text: string): text is Part {
  return (parts as readonly string[]).includes(text);
}

export interface PartsProps {
  draft: Draft;
  part: Part;
  onPart: (part: Part) => void;
  errors: TemplateError[];
}

const methods = [
  ["0", "POST"],
  ["1", "GET"],
  ["3", "PUT"],
  ["4", "PATCH"],
  ["5", "DELETE"],
] as const;

const formats = [
  ["0", "NetBox 3.2"],
  [String(BodyFormat.NETBOX_4_4), "NetBox 4.4"],
  [String(BodyFormat.NETBOX_4_5), "NetBox 4.5"],
  [String(BodyFormat.NETBOX_4_6), "NetBox 4.6"],
  [String(BodyFormat.NETBOX_4_7), "NetBox 4.7"],
  [String(BodyFormat.CLOUDEVENTS_STRUCTURED), "CloudEvents, structured"],
  [String(BodyFormat.CLOUDEVENTS_BINARY), "CloudEvents, binary"],
] as const;

function isCloudEvent(format: BodyFormat | undefined): boolean {
  return format === BodyFormat.CLOUDEVENTS_STRUCTURED || format === BodyFormat.CLOUDEVENTS_BINARY;
}

export function Parts({ draft, part, onPart, errors }: PartsProps): JSX.Element {
  return (
    <section class="panel" aria-label="Templates">
      <header>
        <h2 class="sr">Templates</h2>
        <div class="segments" role="group" aria-label="Part">
          {parts.map((one) => (
            <button type="button" aria-pressed={one === part} onClick={() => onPart(one)}>
              {one}
              {errors.some((error) => partOf(error.field) === one) ? (
                <span class="bad" aria-label="has errors">
                  {" "}
                  !
                </span>
              ) : null}
            </button>
          ))}
        </div>
      </header>
      <fieldset disabled={!may("administer")}>
        <Editor draft={draft} part={part} errors={errors.filter(({ field }) => partOf(field) === part)} />
      </fieldset>
    </section>
  );
}

function partOf(field: string): Part {
  const name = field.replace(/^webhook\./, "");
  return name.startsWith("request.url")
    ? "url"
    : name.includes("headers")
      ? "headers"
      : name.startsWith("rules")
        ? "rules"
        : "body";
}

function Editor({ draft, part, errors }: { draft: Draft; part: Part; errors: TemplateError[] }): JSX.Element {
  const { webhook, edit } = draft;
  const request = (made: Webhook) => (made.request ??= create(RequestTemplateSchema));
  switch (part) {
    case "url":
      return (
        <>
          <CodeField
            key="url"
            label="URL"
            lines={3}
            read={() => draft.latest().request?.url ?? ""}
            errors={errors}
            onInput={(value) => edit((made) => (request(made).url = value.replaceAll("\n", "")))}
          />
          <div class="fields">
            <Choice
              form
              label="Method"
              value={webhook.request?.method === HttpMethod.POST ? "0" : String(webhook.request?.method ?? 0)}
              options={methods}
              onChange={(value) => edit((made) => (request(made).method = Number(value)))}
            />
            <Field
              label="Hosts that it may render to"
              mono
              value={(webhook.request?.allowedHosts ?? []).join(", ")}
              placeholder="the one in the text"
              onInput={(value) =>
                edit((made) => (request(made).allowedHosts = value.split(/[\s,]+/).filter((host) => host !== "")))
              }
            />
          </div>
        </>
      );
    case "headers":
      return (
        <>
          <CodeField
            key="headers"
            label="Headers, one Name: Value a line"
            lines={8}
            read={() => draft.latest().request?.additionalHeaders ?? ""}
            errors={errors}
            onInput={(value) => edit((made) => (request(made).additionalHeaders = value))}
          />
          <div class="fields">
            <Field
              label="Content-Type"
              mono
              value={webhook.request?.contentType ?? ""}
              placeholder="application/json"
              onInput={(value) => edit((made) => (request(made).contentType = value))}
            />
          </div>
        </>
      );
    case "body":
      return (
        <>
          <CodeField
            key="body"
            label="Body; empty sends the event as JSON"
            lines={16}
            read={() => draft.latest().request?.body ?? ""}
            errors={errors}
            onInput={(value) => edit((made) => (request(made).body = value))}
          />
          <div class="fields">
            <Choice
              form
              label="Without a template, as"
              value={
                webhook.request?.bodyFormat === BodyFormat.NETBOX_3_2 ? "0" : String(webhook.request?.bodyFormat ?? 0)
              }
              options={formats}
              onChange={(value) => edit((made) => (request(made).bodyFormat = Number(value)))}
            />
            {isCloudEvent(webhook.request?.bodyFormat) ? (
              <Field
                label="Source of the CloudEvents"
                mono
                value={webhook.request?.cloudeventsSource ?? ""}
                placeholder="/namespace/object_type"
                onInput={(value) => edit((made) => (request(made).cloudeventsSource = value))}
              />
            ) : null}
            <Check
              label="Strict: every use of an undefined name fails"
              checked={webhook.request?.undefinedBehavior === UndefinedBehavior.STRICT}
              onChange={(strict) =>
                edit(
                  (made) =>
                    (request(made).undefinedBehavior = strict
                      ? UndefinedBehavior.STRICT
                      : UndefinedBehavior.UNSPECIFIED),
                )
              }
            />
          </div>
        </>
      );
    case "rules":
      return <Rules draft={draft} errors={errors} />;
  }
}

// Short names for the shapes of the HTTP API. `openapi.d.ts` is generated from openapi.json: `npm run dashboard:types`.
import type { components } from "./openapi";

type Schemas = components["schemas"];

export type Problem = Schemas["Problem"];
type NameOf<Type> = Type extends `urn:seedhook:problem:${infer Name}` ? Name : never;
/** `no-such-run`, for example. */
export type ProblemName = NameOf<Problem["type"]>;
export type Session = Schemas["Session"];

export type RunStatus = Schemas["RunStatus"];
export type Stage = Schemas["Stage"];
export type Target = Schemas["Target"];
export type Task = Schemas["Task"];
export type RunFile = Schemas["RunFile"];
export type Notification = Schemas["Notification"];
export type Run = Schemas["Run"];
/** A run in a list: without `params`, `task.result` and `files`, and with long texts cut. */
export type RunBrief = Schemas["RunBrief"];
export type WaitingFor = Schemas["WaitingFor"];
/** A run as any call answers it. */
export type AnyRun = Run | RunBrief;
export type RunList = Schemas["RunList"];
export type FileLink = Schemas["LinkAnswer"];
export type Timeline = Schemas["Timeline"];
export type TimelineEvent = Schemas["TimelineEvent"];
export type Mapping = Schemas["Mapping"];

export type Overview = Schemas["Overview"];
export type OverviewHour = Schemas["Hour"];
export type OverviewHook = Schemas["HookRuns"];

export type Hook = Schemas["Hook"];
/** A hook whose configuration has no mistakes; one of its secrets may still be missing. */
export type ReadableHook = Schemas["ReadableHook"];
export type HookList = Schemas["HookList"];
export type Rule = Schemas["Rule"];
export type Mistake = Schemas["Mistake"];

export type RecentDelivery = Schemas["RecentDelivery"];
export type RecentDeliveries = Schemas["RecentList"];
export type KeptDelivery = Schemas["KeptDelivery"];
export type KeptList = Schemas["KeptList"];
export type DeliveryView = Schemas["Delivery"];
export type DeliveryBody = Schemas["DeliveryBody"];

export type Preview = Schemas["Preview"];
/** A preview of a payload that is an event. */
export type PreviewEvent = Schemas["PreviewEvent"];
export type PreviewRun = Schemas["RulePreview"];
export type When = Schemas["Condition"];
/** The answer to a sender, to a start by hand, and to the run of a kept delivery. */
export type Receipt = Schemas["DeliveryAnswer"];

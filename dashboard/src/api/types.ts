// The shapes of the API's answers, as docs/api.md describes them.

export type RunStatus = "queued" | "in_progress" | "archiving" | "completed" | "failed" | "canceled" | "unconfirmed";
export type Outcome = "completed" | "failed" | "canceled" | "open";

/** An RFC 9457 problem. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  /** Of `wrong-state`: the run as it is. */
  run?: RunBrief;
}

export interface Session {
  role: "operator" | "reader";
  version: string;
  /** Whether links to files can be made. */
  links: boolean;
  signed_in_by?: "token" | "access";
  user?: string | null;
}

export interface RunError {
  stage: "mapping" | "start" | "workflow" | "poll" | "archive";
  message: string;
  at: string | null;
  attempts: number;
}

export interface Task {
  id: string;
  workflow_id: string | null;
  status: string;
  result?: unknown;
  result_omitted?: { bytes: number; reason: string };
  created_at: string | null;
  started_at: string | null;
  completed_at: string | null;
  error: unknown;
}

export interface RunFile {
  id: string;
  name: string;
  size: number | null;
  content_type: string | null;
  state: "pending" | "archiving" | "archived" | "failed";
  key: string | null;
  sha256: string | null;
  bytes: number | null;
  error: string | null;
  attempts: number;
  url: string | null;
  archived_at?: string | null;
}

/** A run in a list: without `params`, `task.result` and `files`, and with long texts cut. */
export interface RunBrief {
  run_id: string;
  hook: string;
  delivery_id: string;
  item_id?: string;
  status: RunStatus;
  workspace?: string;
  database?: string;
  project?: string;
  workflow: string;
  task: Task | null;
  error: RunError | null;
  attempts: number;
  retry_of: string | null;
  received_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Run extends RunBrief {
  params: unknown;
  files: RunFile[];
}

export interface RunList {
  runs: RunBrief[];
  cursor: string | null;
}

export interface OverviewHour {
  from: string;
  completed: number;
  failed: number;
  canceled: number;
  open: number;
}

export interface OverviewHook {
  completed: number;
  failed: number;
  canceled: number;
  open: number;
  last_accepted_at: string | null;
}

export interface Overview {
  from: string;
  until: string;
  hours: OverviewHour[];
  totals: Record<RunStatus, number>;
  success_rate: number | null;
  seconds_to_finish: { median: number; p95: number } | null;
  oldest_open: RunBrief | null;
  parked: RunBrief[];
  is_complete: boolean;
  hooks?: Record<string, OverviewHook>;
  sweeps?: { overdue: number; oldest_due_at: string | null; last_at?: string | null };
}

export interface Mistake {
  path: string;
  problem: string;
  remedy: string;
}

export interface Target {
  workspace?: string;
  database?: string;
  project?: string;
  workflow: string;
}

export interface Rule {
  when: string | null;
  target: Target;
  on_unconfirmed: string;
  on_redelivery: string;
  deadline_seconds: number;
  archive: string | null;
}

/** A broken hook may have only `hook`, `state` and `mistakes`. */
export interface Hook {
  hook: string;
  state: "ready" | "paused" | "broken";
  mistakes: Mistake[];
  url?: string;
  verify?: { scheme: string; [field: string]: unknown };
  verification_token?: string | null;
  max_body_bytes?: number;
  rules?: Rule[];
  sender?: string | null;
  setup?: string[];
  keep_ignored?: boolean;
  share?: "none" | "status" | "files";
}

export interface HookList {
  hooks: Hook[];
  mistakes: Mistake[];
}

export interface RecentDelivery {
  at: string;
  hook: string;
  outcome: "refused" | "ignored";
  status: number;
  problem: string | null;
  reason: string;
  content_type: string | null;
  bytes: number | null;
  header_names: string[];
  delivery_id: string | null;
  kept: string | null;
}

export interface RecentDeliveries {
  deliveries: RecentDelivery[];
}

export interface KeptDelivery {
  kept: string;
  received_at: string;
  delivery_id: string;
  expires_at: string;
}

export interface KeptList {
  kept: KeptDelivery[];
  cursor: string | null;
}

export type DeliveryBody = { text: string } | { base64: string };

export interface DeliveryView {
  hook: string;
  delivery_id: string;
  received_at: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  body: DeliveryBody;
}

export interface When {
  expression: string;
  holds: boolean | null;
  error: string | null;
  values: Record<string, unknown>;
}

export interface PreviewRun {
  rule: number;
  starts: boolean;
  target: Target;
  when: When | null;
  params: Record<string, { value: unknown; type: string }> | null;
  error: string | null;
  request: { method: string; url: string; body: unknown } | null;
  item?: number;
  item_id?: string | null;
}

export interface Preview {
  hook: string;
  paused: boolean;
  verification: { scheme: string; verified: boolean; reason?: string; signed_text?: string };
  outcome: "accepted" | "ignored" | "handshake" | "not parsed";
  delivery_id: string | null;
  delivery_id_error: string | null;
  items: number | null;
  runs: PreviewRun[];
  handshake?: { status: number; body: unknown };
  error?: string;
}

/** The answer to a sender, and to a start by hand. */
export interface Receipt {
  status: "accepted" | "duplicate" | "retried" | "ignored";
  runs: { run_id: string; status: RunStatus; status_url: string; error?: { stage: string } }[];
}

export type TimelineEvent = { at: string | null } & (
  | { event: "accepted"; retry_of: string | null }
  | { event: "start_decided"; attempt: number }
  | { event: "start_put_off"; reason: string; not_before: string }
  | { event: "start_unconfirmed"; reason: string; not_before: string | null }
  | { event: "started"; task_id: string }
  | { event: "ended"; status: RunStatus; stage: string | null; reason: string | null }
  | { event: "task_created" | "task_started" }
  | { event: "task_ended"; status: string }
  | { event: "retried"; run_id: string }
  | { event: "file_archived"; file_id: string; name: string; bytes: number }
  | { event: "file_failed"; file_id: string; name: string; reason: string }
);

export interface Timeline {
  events: TimelineEvent[];
}

export interface Mapping {
  rule: number;
  when: When | null;
  expressions: Record<string, string>;
  params: unknown;
  error: string | null;
  is_current: boolean;
}

export interface FileLink {
  url: string;
  expires_at: string;
}

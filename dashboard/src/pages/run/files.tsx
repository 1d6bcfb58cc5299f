// The files of a run: state, progress, error, preview, download, link.
import { useState } from "preact/hooks";
import { adviceFor } from "../../api/advice";
import { ApiError } from "../../api/client";
import type { FileLink, RunFile } from "../../api/types";
import { session } from "../../session";
import { Button, Copy, Dialog, toast } from "../../ui/controls";
import { formatBytes } from "../../ui/format";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import { FilePreview } from "../../values/preview";
import { plainName } from "../../values/text";
import { download, downloadWay, filePath, makeLink } from "./download";
import { Facts, Section } from "./section";
import { Mark } from "./timeline";
import type { Tone } from "./timeline-text";

const FILES_SHOWN = 50;
/** A link that is copied works for a day. */
const LINK_SECONDS = 24 * 3600;

const STATES: Record<RunFile["state"], { word: string; tone: Tone }> = {
  pending: { word: "waits to be copied", tone: "plain" },
  archiving: { word: "being copied", tone: "plain" },
  archived: { word: "archived", tone: "good" },
  failed: { word: "failed", tone: "bad" },
};

export function Files({ runId, files }: { runId: string; files: RunFile[] }) {
  const [shown, setShown] = useState(FILES_SHOWN);
  const archived = files.filter(file => file.state === "archived").length;
  return (
    <Section title={files.length > 0 ? `Files (${archived} of ${files.length} archived)` : "Files"}>
      {files.length === 0 && <p class="muted">The run has no files.</p>}
      <ul class="files">
        {files.slice(0, shown).map(file => (
          <File key={file.id} runId={runId} file={file} />
        ))}
      </ul>
      {files.length > shown && (
        <Button onClick={() => setShown(shown + FILES_SHOWN)}>Show more of {files.length} files</Button>
      )}
    </Section>
  );
}

function File({ runId, file }: { runId: string; file: RunFile }) {
  const [isPreviewed, setPreviewed] = useState(false);
  const [link, setLink] = useState<FileLink | null>(null);
  const [isBusy, setBusy] = useState(false);
  const hasLinks = session.value.state === "signed-in" && session.value.session.links;
  const way = downloadWay(file, hasLinks);
  const name = plainName(file.name);
  const isArchived = file.state === "archived";
  const act = (work: () => Promise<void>) => {
    if (isBusy) return;
    setBusy(true);
    work()
      .catch(error => toast(describeFailure(error), "bad"))
      .finally(() => setBusy(false));
  };
  return (
    <li class="file">
      <h3>
        <OutsideText text={name} max={200} />
      </h3>
      <FileState file={file} />
      {file.error && (
        <p class="reason">
          <OutsideText text={file.error} max={500} />
        </p>
      )}
      <Details file={file} />
      {isArchived && (
        <div class="row">
          <Button
            label={`${isPreviewed ? "Close preview" : "Preview"} of ${name}`}
            onClick={() => setPreviewed(!isPreviewed)}
          >
            {isPreviewed ? "Close preview" : "Preview"}
          </Button>
          <Button
            label={`Download ${name}`}
            disabled={way.way === "none" || isBusy}
            why={way.way === "none" ? way.why : "Working…"}
            onClick={() => {
              if (way.way !== "none") act(() => download(runId, file, way.way));
            }}
          >
            Download
          </Button>
          <Button
            label={`Copy link… to ${name}`}
            disabled={!hasLinks || isBusy}
            why={hasLinks ? "Working…" : "Links need LINK_SECRET: npx wrangler secret put LINK_SECRET"}
            onClick={() => act(async () => setLink(await makeLink(runId, file.id, LINK_SECONDS)))}
          >
            Copy link…
          </Button>
        </div>
      )}
      {isArchived && way.way === "none" && <p class="muted small">{way.why}</p>}
      {isPreviewed && isArchived && <FilePreview url={filePath(runId, file.id)} name={file.name} size={file.size} />}
      {link && <LinkDialog link={link} name={name} onClose={() => setLink(null)} />}
    </li>
  );
}

function FileState({ file }: { file: RunFile }) {
  const known = STATES[file.state];
  const tries = file.attempts > 0 ? `; copying failed ${file.attempts === 1 ? "once" : `${file.attempts} times`}` : "";
  const isCopying = file.state === "archiving" && file.bytes !== null && file.size !== null && file.size > 0;
  return (
    <div class="row">
      <Mark tone={known?.tone ?? "plain"} />
      <span>
        {known?.word ?? String(file.state)}
        {tries}
      </span>
      <span class="muted">{file.size === null ? "size unknown" : formatBytes(file.size)}</span>
      {isCopying && (
        <>
          <progress value={file.bytes ?? 0} max={file.size ?? 1} aria-label={`Copied of ${plainName(file.name)}`} />
          <span class="muted">
            {formatBytes(file.bytes ?? 0)} of {formatBytes(file.size ?? 0)}
          </span>
        </>
      )}
    </div>
  );
}

function Details({ file }: { file: RunFile }) {
  return (
    <details class="small">
      <summary>Details</summary>
      <Facts
        rows={[
          ["File id", <OutsideText key="id" text={file.id} max={200} />],
          ["Type", file.content_type && <OutsideText key="type" text={file.content_type} max={200} />],
          ["Key in R2", file.key && <OutsideText key="key" text={plainName(file.key)} max={300} />],
          ["SHA-256", file.sha256 && <OutsideText key="hash" text={file.sha256} max={200} />],
          ["Finished", file.finished_at && <Time key="at" at={file.finished_at} />],
        ]}
      />
    </details>
  );
}

function LinkDialog({ link, name, onClose }: { link: FileLink; name: string; onClose: () => void }) {
  return (
    <Dialog title="Link to the file" onClose={onClose} actions={<Copy text={link.url} what="link" />}>
      <p>
        Everybody who has this link can read <OutsideText text={name} max={200} />, without a token, until{" "}
        <Time at={link.expires_at} />. It opens nothing else, and it cannot be revoked by itself.
      </p>
      <p class="mono raw">{link.url}</p>
    </Dialog>
  );
}

function describeFailure(error: unknown): string {
  if (!(error instanceof ApiError)) return "The download failed.";
  return `${error.title}. ${adviceFor(error.problem) ?? error.message}`;
}

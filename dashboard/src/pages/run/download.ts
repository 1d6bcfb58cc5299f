// Downloads archived files: small ones with the token, larger ones by a short-lived link that the browser streams to disk.
import { call, callBlob } from "../../api/client";
import type { FileLink, RunFile } from "../../api/types";
import { formatBytes } from "../../ui/format";
import { saveName } from "../../values/text";
import { runPath } from "./load";

/** A file that goes through this page's memory is at most this large. */
export const SMALL_BYTES_MAX = 8 * 1024 * 1024;
/** The link of a download is used at once. */
const DOWNLOAD_LINK_SECONDS = 300;

export type DownloadWay = { way: "token" } | { way: "link" } | { way: "none"; why: string };

/** How a file can be downloaded. */
export function downloadWay(file: Pick<RunFile, "size" | "state">, hasLinks: boolean): DownloadWay {
  if (file.state !== "archived")
    return { way: "none", why: "The file is not archived, so there is nothing to download." };
  if (file.size !== null && file.size <= SMALL_BYTES_MAX) return { way: "token" };
  if (hasLinks) return { way: "link" };
  const size = file.size === null ? "The size of this file is unknown" : `This file has ${formatBytes(file.size)}`;
  return {
    way: "none",
    why: `${size}; without links this page downloads at most ${formatBytes(SMALL_BYTES_MAX)}. Set LINK_SECRET, or download it with curl.`,
  };
}

/** Where a file of a run is read with the token. */
export function filePath(runId: string, fileId: string): string {
  return runPath(runId, "files", fileId);
}

/** Starts the download. Throws `ApiError`. */
export async function download(runId: string, file: RunFile, way: "token" | "link"): Promise<void> {
  if (way === "link") {
    const link = await makeLink(runId, file.id, DOWNLOAD_LINK_SECONDS);
    save(link.url, file.name);
    return;
  }
  const { blob } = await callBlob(filePath(runId, file.id));
  // Typed by us: a browser must never open a file of type text/html from this origin.
  const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  save(url, file.name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Makes a link that reads the file without the token. Throws `ApiError`. */
export async function makeLink(runId: string, fileId: string, seconds: number): Promise<FileLink> {
  const body = JSON.stringify({ expires_in: seconds });
  const { data } = await call<FileLink>(runPath(runId, "files", fileId, "link"), { method: "POST", body });
  const { protocol } = new URL(data.url, window.location.href);
  if (protocol !== "https:" && protocol !== "http:") throw new Error("the link is not an address of the web");
  return data;
}

function save(url: string, name: string) {
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = saveName(name);
  anchor.rel = "noopener noreferrer";
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

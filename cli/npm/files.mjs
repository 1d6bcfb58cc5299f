// The files of the machine, and standard input; the words for errors of the system.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";

/** The pause before standard input is asked again that has nothing yet, milliseconds. */
const INPUT_PAUSE_MS = 20;

/** The message of a system's error, in words. */
export function words(error, what) {
  const known = {
    ENOENT: "does not exist",
    EEXIST: "is there already",
    EACCES: "may not be accessed",
    EPERM: "may not be accessed",
    EISDIR: "is a folder",
    ENOTDIR: "is in a path that has a file in place of a folder",
    ENOSPC: "cannot be written: the disk is full",
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "the name is unknown, or this machine is offline",
    EAI_AGAIN: "the name cannot be looked up: is this machine online?",
    ECONNRESET: "the connection broke off",
    EPIPE: "the connection broke off",
    ETIMEDOUT: "there is no answer",
  };
  const code = error?.code ?? error?.cause?.code;
  return new Error(what ? `${what} ${known[code] ?? `: ${error.message}`}` : (known[code] ?? error?.message ?? String(error)));
}

export function readFile(file) {
  try {
    return new Uint8Array(fs.readFileSync(file));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw words(error, file);
  }
}

export function writeFile(file, bytes, how) {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (how === "append") return fs.appendFileSync(file, bytes);
    if (how !== "replace") return writeNew(file, bytes, how === "new_secret" ? 0o600 : 0o666);
    const part = `${file}.${process.pid}.tmp`;
    fs.rmSync(part, { force: true });
    writeNew(part, bytes, 0o666);
    try {
      fs.renameSync(part, file);
    } catch (error) {
      fs.rmSync(part, { force: true });
      throw error;
    }
  } catch (error) {
    throw words(error, file);
  }
}

export function entry(file) {
  try {
    const found = fs.statSync(file);
    return { is_folder: found.isDirectory(), size: found.size };
  } catch {
    // What cannot be looked at is not there for us; to write there says why.
    return null;
  }
}

export function sha256(file) {
  const hash = createHash("sha256");
  const bytes = new Uint8Array(1 << 20);
  const opened = fs.openSync(file);
  try {
    for (let read; (read = fs.readSync(opened, bytes)) > 0; ) hash.update(bytes.subarray(0, read));
  } finally {
    fs.closeSync(opened);
  }
  return hash.digest("hex");
}

export function folderName(file) {
  return path.basename(path.resolve(file));
}

export function rename(from, to) {
  try {
    fs.renameSync(from, to);
  } catch (error) {
    throw words(error, from);
  }
}

/** Standard input, but at most one byte more than `bytesMax`. */
export function readInput(bytesMax) {
  const pieces = [];
  for (let room = bytesMax + 1; room > 0; ) {
    const piece = Buffer.alloc(Math.min(room, 64 * 1024));
    const read = readSome(piece);
    if (read === 0) break;
    pieces.push(piece.subarray(0, read));
    room -= read;
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** Waits for a piece of standard input. Its length; 0 at the end. */
function readSome(piece) {
  for (;;) {
    try {
      return fs.readSync(0, piece);
    } catch (error) {
      // Windows' word for the end of a pipe.
      if (error.code === "EOF") return 0;
      // Whoever opened it may have made it one that never waits.
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, INPUT_PAUSE_MS);
    }
  }
}

/** Writes a file that must not exist. Where it cannot be written whole, nothing of it stays. */
function writeNew(file, bytes, mode) {
  const opened = fs.openSync(file, "wx", mode);
  try {
    fs.writeFileSync(opened, bytes);
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  } finally {
    fs.closeSync(opened);
  }
}

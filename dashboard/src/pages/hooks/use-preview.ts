// Asks what a payload would do, while it is being typed: 400 ms after the last change, and only the newest counts.
import { useEffect, useState } from "preact/hooks";
import { call, isAbort } from "../../api/client";
import type { Preview } from "../../api/types";

const DEBOUNCE_MS = 400;

export interface Payload {
  body: string;
  contentType: string;
  headers: Record<string, string>;
}

export interface PreviewState {
  preview: Preview | null;
  /** The JSON of the preview as it came. */
  text: string;
  error: unknown;
  isLoading: boolean;
}

const NOTHING: PreviewState = { preview: null, text: "", error: null, isLoading: false };

export function usePreview(hook: string, payload: Payload): PreviewState {
  const [state, setState] = useState(NOTHING);
  const headersKey = JSON.stringify(payload.headers);
  useEffect(() => {
    if (payload.body === "") {
      setState(NOTHING);
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      setState(before => ({ ...before, isLoading: true }));
      const headers = JSON.parse(headersKey) as Record<string, string>;
      const { body, contentType } = payload;
      const path = `/api/hooks/${encodeURIComponent(hook)}/preview`;
      call<Preview>(path, { method: "POST", body, contentType, headers, signal: controller.signal }).then(
        ({ data, text }) => {
          if (!controller.signal.aborted) setState({ preview: data, text, error: null, isLoading: false });
        },
        error => {
          if (controller.signal.aborted || isAbort(error)) return;
          setState({ preview: null, text: "", error, isLoading: false });
        },
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [hook, payload.body, payload.contentType, headersKey]);
  return state;
}

// Text from outside, shown so that it cannot deceive: the only component for it.
import { useState } from "preact/hooks";
import { Button } from "../ui/controls";
import { cut } from "../ui/format";
import { visible } from "./text";

const CHARACTERS_SHOWN = 2_000;

/** Isolates a text, writes out the characters that reorder it, and cuts it until the reader asks for all of it. */
export function OutsideText({ text, max = CHARACTERS_SHOWN }: { text: string; max?: number }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? text : cut(text, max);
  const isCut = shown.length < text.length;
  return (
    <>
      <bdi class="long">
        {visible(shown)}
        {isCut && "…"}
      </bdi>
      {isCut && (
        <Button onClick={() => setWhole(true)}>Show all {text.length.toLocaleString("en-US")} characters</Button>
      )}
    </>
  );
}

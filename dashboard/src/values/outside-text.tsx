// Text from outside: isolated, with the characters that reorder it written out, and cut until the reader asks for all of it.
import { LongText } from "../ui/controls";
import { visible } from "./text";

export function OutsideText({ text, max }: { text: string; max?: number }) {
  return <LongText text={visible(text)} max={max} />;
}

import { PageHeading } from "../../ui/controls";

export function HooksPage() {
  return <PageHeading title="hooks">hooks</PageHeading>;
}

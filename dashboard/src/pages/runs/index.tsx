import { PageHeading } from "../../ui/controls";

export function RunsPage() {
  return <PageHeading title="runs">runs</PageHeading>;
}

import { PageHeading } from "../../ui/controls";

export function OverviewPage() {
  return <PageHeading title="overview">overview</PageHeading>;
}

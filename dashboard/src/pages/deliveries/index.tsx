import { PageHeading } from "../../ui/controls";

export function DeliveriesPage() {
  return <PageHeading title="deliveries">deliveries</PageHeading>;
}

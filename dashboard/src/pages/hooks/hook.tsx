import { PageHeading } from "../../ui/controls";

export function HookPage({ name }: { name: string }) {
  return <PageHeading title={name}>{name}</PageHeading>;
}

// The frame around every page: navigation, who is signed in, messages.
import { DeliveriesPage } from "./pages/deliveries";
import { HooksPage } from "./pages/hooks";
import { HookPage } from "./pages/hooks/hook";
import { OverviewPage } from "./pages/overview";
import RunPage from "./pages/run";
import { RunsPage } from "./pages/runs";
import { SignIn } from "./pages/sign-in";
import { link, location, type Route } from "./router";
import { endSession, session } from "./session";
import { Button, Empty, PageHeading, Toasts } from "./ui/controls";
import { Name } from "./ui/ids";

export function App() {
  const state = session.value;
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: a real fragment would be taken for a route */}
      <a
        class="skip"
        href="#main"
        onClick={event => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {state.state === "starting" && <p role="status">Signing in…</p>}
        {state.state === "signed-out" && <SignIn message={state.message} />}
        {state.state === "signed-in" && <Page route={location.value.route} />}
      </main>
      <Toasts />
    </>
  );
}

const PAGES: [Route["page"], string, string][] = [
  ["overview", "/overview", "Overview"],
  ["runs", "/runs", "Runs"],
  ["hooks", "/hooks", "Hooks"],
  ["deliveries", "/deliveries", "Deliveries"],
];

/** The entry of the navigation to which a page belongs. */
function sectionOf(page: Route["page"]): Route["page"] {
  if (page === "run") return "runs";
  return page === "hook" ? "hooks" : page;
}

function Header() {
  const state = session.value;
  const current = sectionOf(location.value.route.page);
  return (
    <header class="header">
      <a class="brand" href={link("/overview")}>
        <img src="/favicon.svg" alt="" width="24" height="24" />
        seedhook
      </a>
      {state.state === "signed-in" && (
        <>
          <nav aria-label="Main">
            {PAGES.map(([page, path, name]) => (
              <a key={page} href={link(path)} aria-current={page === current ? "page" : undefined}>
                {name}
              </a>
            ))}
          </nav>
          <div class="who">
            <span title={`seedhook ${state.session.version}`}>
              {state.session.user !== null && <Name text={state.session.user} />} {state.session.role}
              {state.session.role === "reader" && ": you can read, not act"}
            </span>
            {state.session.signed_in_by === "access" ? (
              <a href="/cdn-cgi/access/logout">Sign out</a>
            ) : (
              <Button onClick={() => endSession("You signed out.")}>Sign out</Button>
            )}
          </div>
        </>
      )}
    </header>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "runs":
      return <RunsPage />;
    case "run":
      return <RunPage key={route.runId} runId={route.runId} />;
    case "hooks":
      return <HooksPage />;
    case "hook":
      return <HookPage key={route.hook} name={route.hook} />;
    case "deliveries":
      return <DeliveriesPage />;
    default:
      return (
        <>
          <PageHeading title="No such page">No such page</PageHeading>
          <Empty title="The address names no page of the dashboard.">
            <a href={link("/overview")}>Go to the overview</a>
          </Empty>
        </>
      );
  }
}

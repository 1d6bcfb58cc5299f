// Starts the dashboard: styles, session, router, page.
import { render } from "preact";
import { App } from "./app";
import { startRouter } from "./router";
import { startSession } from "./session";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/pages.css";
import { startClock } from "./ui/time";

const root = document.getElementById("app");
if (root) {
  startSession();
  startRouter();
  startClock();
  render(<App />, root);
}

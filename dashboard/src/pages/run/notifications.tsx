// Who was told of the run's end, who is not yet, and why.
import type { Notification } from "../../api/types";
import { Time } from "../../ui/time";
import { OutsideText } from "../../values/outside-text";
import { Section } from "./section";
import { Mark } from "./timeline";
import type { Tone } from "./timeline-text";

const STATES: Record<Notification["state"], { word: string; tone: Tone }> = {
  pending: { word: "not told yet", tone: "warn" },
  delivered: { word: "told", tone: "good" },
  failed: { word: "given up", tone: "bad" },
};

export function Notifications({ notifications }: { notifications: Notification[] }) {
  if (notifications.length === 0) return null;
  return (
    <Section title="Notifications">
      <ul class="files">
        {notifications.map(notification => (
          <li class="file" key={notification.target}>
            <h3>{notification.target}</h3>
            <State notification={notification} />
            {notification.error && (
              <p class="reason">
                <OutsideText text={notification.error} max={500} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function State({ notification }: { notification: Notification }) {
  const { word, tone } = STATES[notification.state];
  const { attempts, not_before, finished_at } = notification;
  return (
    <p>
      <Mark tone={tone} /> {word}
      {finished_at && (
        <>
          {" "}
          <Time at={finished_at} />
        </>
      )}
      {attempts > 0 && `, ${attempts === 1 ? "1 attempt" : `${attempts} attempts`}`}
      {not_before && (
        <>
          ; next attempt <Time at={not_before} />
        </>
      )}
    </p>
  );
}

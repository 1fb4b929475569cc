import "./overview.css";
import { useStatus } from "../../api/queries-status";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Loaded } from "../../ui/states";
import { Attention } from "./parts/Attention";
import { Figures } from "./parts/Figures";
import { FirstSteps } from "./parts/FirstSteps";
import { Running } from "./parts/Running";
import { Sources } from "./parts/Sources";
import { Upcoming } from "./parts/Upcoming";

/** What needs attention first; then what runs, what is next, and what was sent. */
export function Overview() {
  const status = useStatus();
  return (
    <>
      <PageHead title="Overview" />
      <PageBody label="Overview">
        <Loaded query={status}>
          {(now) =>
            now.syncs === 0 ? (
              <FirstSteps />
            ) : (
              <>
                <Attention items={now.attention} />
                <Figures status={now} />
                <div className="overview-pair">
                  <Running />
                  <Upcoming items={now.upcoming} />
                </div>
                <Sources />
              </>
            )
          }
        </Loaded>
      </PageBody>
    </>
  );
}

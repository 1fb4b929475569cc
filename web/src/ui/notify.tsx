import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { asProblem } from "../api/problem";

const close = { closeButtonProps: { "aria-label": "Dismiss" } };

/** Short words in the corner that go away by themselves. For what has no better place. */
export const notify = {
  /** It is done: "Sync people is enabled." */
  ok(message: string): void {
    notifications.show({
      message,
      icon: <IconCheck size={16} />,
      className: "m-note",
      role: "status",
      ...close,
    });
  },
  /** It was not done, and why. Stays until it is dismissed. */
  problem(error: unknown): void {
    const { message } = asProblem(error);
    notifications.show({
      message,
      icon: <IconAlertTriangle size={16} />,
      autoClose: false,
      className: "m-note bad",
      role: "alert",
      ...close,
    });
  },
};

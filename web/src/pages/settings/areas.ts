import {
  IconAdjustments,
  IconBell,
  IconHistory,
  IconInfoCircle,
  IconKey,
  IconLock,
  IconNetwork,
  IconTransferIn,
  IconUser,
  IconUsers,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Action } from "../../api/queries-session";

/** One page of the settings. */
export interface Area {
  path: string;
  label: string;
  group: "You" | "Access" | "Service";
  icon: ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean }>;
  /** The right without which it is not offered. */
  needs: Action;
}

export const AREAS: readonly Area[] = [
  { path: "account", label: "Account", group: "You", icon: IconUser, needs: "view" },
  { path: "tokens", label: "API tokens", group: "You", icon: IconKey, needs: "view" },
  { path: "people", label: "People", group: "Access", icon: IconUsers, needs: "administer" },
  { path: "write-keys", label: "Write keys", group: "Access", icon: IconTransferIn, needs: "administer" },
  { path: "secrets", label: "Secrets", group: "Access", icon: IconLock, needs: "administer" },
  { path: "audit", label: "Audit log", group: "Access", icon: IconHistory, needs: "administer" },
  { path: "alerts", label: "Alerts", group: "Service", icon: IconBell, needs: "view" },
  { path: "retention", label: "General", group: "Service", icon: IconAdjustments, needs: "administer" },
  { path: "network", label: "Network", group: "Service", icon: IconNetwork, needs: "view" },
  { path: "about", label: "About", group: "Service", icon: IconInfoCircle, needs: "view" },
];

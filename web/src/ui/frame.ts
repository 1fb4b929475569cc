import { createContext, use } from "react";

/** What the shell can open. */
export interface Frame {
  openMenu: () => void;
  openPalette: () => void;
  openKeys: () => void;
}

export const FrameContext = createContext<Frame>({
  openMenu: () => {},
  openPalette: () => {},
  openKeys: () => {},
});

export function useFrame(): Frame {
  return use(FrameContext);
}

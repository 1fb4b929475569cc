import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer, useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useLayoutEffect, useState } from "react";

/** Lists up to here are drawn whole: they print, and the browser's own search finds everything in them. */
const PLAIN = 150;
const OVERSCAN = 12;

export interface LongList {
  /** The rows to draw. */
  rows: readonly number[];
  /** Room for those that are not drawn, in pixels. */
  before: number;
  after: number;
  /** The `ref` of each row that is drawn, which also carries `data-index`. Undefined: all are drawn. */
  measure: ((row: HTMLElement | null) => void) | undefined;
}

/** Of a list that is too long to be drawn, the rows near the window. Their heights may differ. */
export function useLongList(count: number, rowHeight: number, body: RefObject<HTMLElement | null>): LongList {
  // On phones the whole page scrolls, elsewhere the sheet does: see design/layout.css.
  const narrow = useMediaQuery("(max-width: 900px)", false, { getInitialValueInEffect: false });
  const [scrollMargin, setScrollMargin] = useState(0);
  const long = count > PLAIN;
  const sheet = () => body.current?.closest<HTMLElement>(".scroll") ?? null;
  const options = {
    count,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    scrollMargin,
    useFlushSync: false,
  };
  const inSheet = useVirtualizer<HTMLElement, HTMLElement>({
    ...options,
    enabled: long && !narrow,
    getScrollElement: sheet,
  });
  const inWindow = useWindowVirtualizer<HTMLElement>({ ...options, enabled: long && narrow });
  const list = narrow ? inWindow : inSheet;

  // What stands over the list may grow or shrink at any time.
  useLayoutEffect(() => {
    if (!long || list.isScrolling || body.current === null) return;
    const scroller = narrow ? null : sheet();
    const top = scroller ? scroller.scrollTop - scroller.getBoundingClientRect().top : window.scrollY;
    setScrollMargin(Math.round(body.current.getBoundingClientRect().top + top));
  });

  if (!long)
    return { rows: Array.from({ length: count }, (_, at) => at), before: 0, after: 0, measure: undefined };
  const drawn = list.getVirtualItems();
  const first = drawn[0];
  const last = drawn.at(-1);
  return {
    rows: drawn.map(({ index }) => index),
    before: first ? first.start - scrollMargin : 0,
    after: last ? list.getTotalSize() - (last.end - scrollMargin) : list.getTotalSize(),
    measure: list.measureElement,
  };
}

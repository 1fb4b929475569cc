/** A moment as Unix seconds. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000);
}

/** What a `datetime-local` field holds for a moment: the viewer's own time, without a zone. */
export function toField(at: string | null): string {
  const date = at === null ? new Date() : new Date(at);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/** Unix seconds of what stands in such a field; null while that is no moment. */
export function fromField(text: string): number | null {
  const at = new Date(text).getTime();
  return Number.isNaN(at) || at <= 0 ? null : seconds(at);
}

/** Quantities as people read them. */

/** "350 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return two(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? two(hours, "h", minutes % 60, "min") : two(Math.floor(hours / 24), "d", hours % 24, "h");
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

const byteUnits = ["B", "KB", "MB", "GB", "TB"];

/** In powers of 1024: "512 B", "1.5 MB". */
export function bytes(count: number): string {
  const power = count < 1024 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(count) / 10));
  const value = count / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[power]}`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** "2026-03-01 10:00:05", in UTC; "-" for -1, which stands for "not yet". */
export function moment(epochMs: number): string {
  return epochMs < 0 ? "-" : new Date(epochMs).toISOString().slice(0, 19).replace("T", " ");
}

// Bytes of messages as people read them: text where they are text, else in hexadecimal.

const encoder = new TextEncoder();

// Longer ones are shown in part: a browser that draws a megabyte of text stands still.
const MOST = 16_384;

// `bytes` as the daemon tells them: null, { text } or { base64 }.
export function inLine(bytes) {
  if (bytes == null) return "null";
  return bytes.text ?? hex(raw(bytes).subarray(0, 64)).replaceAll("\n", " ");
}

export function asText(bytes) {
  if (bytes == null) return "null: a tombstone";
  if (bytes.text == null) return asHex(bytes);
  return cut(bytes.text, bytes.text.length, (text) => text.slice(0, MOST));
}

export function asHex(bytes) {
  if (bytes == null) return "null: a tombstone";
  const all = raw(bytes);
  return cut(all, all.length, (part) => hex(part.subarray(0, MOST)));
}

function cut(all, length, shown) {
  const rest = length - MOST;
  return rest > 0 ? `${shown(all)}\n… and ${rest} more: pelton dlq show has them` : shown(all);
}

function raw({ text, base64 }) {
  if (text != null) return encoder.encode(text);
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

// Sixteen bytes a line, with their offset.
function hex(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = [...bytes.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, "0"));
    lines.push(bytes.length > 16 ? `${at.toString(16).padStart(6, "0")}  ${line.join(" ")}` : line.join(" "));
  }
  return lines.join("\n");
}

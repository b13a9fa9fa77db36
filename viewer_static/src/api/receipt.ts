/** Checks a receipt of the audit trail in the browser, by the rules of docs/adr/0024, trusting nothing but hashes. */

export type ReceiptProblem = "unreadable" | "event" | "chain" | "anchor" | "other-anchor";

export interface Receipt {
  event: { when_ms: number; action: string; who: { display_name?: string; subject?: string } };
  proof: [string, string][];
  blocks: { chain: string; seq: number; previous_hash: string }[];
  anchor: { day: string; seq: number; hash: string } | null;
}

/** JSON as it is hashed: keys sorted, no spaces, ASCII. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => compare(a, b));
    return `{${entries.map(([name, each]) => `${text(name)}:${canonical(each)}`).join(",")}}`;
  }
  return typeof value === "string" ? text(value) : JSON.stringify(value);
}

/** By code points, as the archive sorts. */
function compare(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let at = 0; at < Math.min(x.length, y.length); at++) {
    const difference = (x[at]?.codePointAt(0) ?? 0) - (y[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

function text(value: string): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ascii(value: string, prefix: number[] = []): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...prefix, ...new TextEncoder().encode(value)]);
}

function bytesOf(hex: string): number[] {
  return (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
}

function node(left: string, right: string): Promise<string> {
  return sha256(new Uint8Array([1, ...bytesOf(left), ...bytesOf(right)]));
}

/**
 * What is wrong with a receipt; empty when nothing is.
 *
 * @param anchor - content of the anchor that it names, where that could be had
 */
export async function problemsOfReceipt(made: unknown, anchor?: unknown): Promise<ReceiptProblem[]> {
  try {
    return await check(made as Receipt & { blocks: { root: string }[] }, anchor);
  } catch {
    return ["unreadable"];
  }
}

async function check(made: Receipt & { blocks: { root: string }[] }, anchor: unknown): Promise<ReceiptProblem[]> {
  const problems: ReceiptProblem[] = [];
  let hash = await sha256(ascii(canonical(made.event), [0]));
  for (const [side, sibling] of made.proof) {
    if (side !== "left" && side !== "right") return ["unreadable"];
    hash = side === "left" ? await node(sibling, hash) : await node(hash, sibling);
  }
  if (!made.event || hash !== made.blocks[0]?.root) problems.push("event");
  const hashes = await Promise.all(made.blocks.map((block) => sha256(ascii(canonical(block)))));
  const follows = made.blocks.every((block, at) => {
    const before = made.blocks[at - 1];
    if (!before) return true;
    return block.previous_hash === hashes[at - 1] && block.seq === before.seq + 1 && block.chain === before.chain;
  });
  if (!follows) problems.push("chain");
  const last = made.blocks[made.blocks.length - 1];
  const head = { seq: last?.seq, hash: hashes[hashes.length - 1] };
  if (made.anchor && (made.anchor.seq !== head.seq || made.anchor.hash !== head.hash)) problems.push("anchor");
  if (anchor !== undefined && last) {
    const named = (anchor as { chains: Record<string, { seq: number; hash: string }> }).chains[last.chain];
    if (!named || named.seq !== head.seq || named.hash !== head.hash) problems.push("other-anchor");
  }
  return problems;
}

// SPDX-License-Identifier: Apache-2.0

// Node's Buffers. Each is registered with a FinalizationRegistry, and dispose unregisters it. Node has no way to free a
// Buffer's memory at once: the collector frees it later, while the samples are taken.
// Usage: node buffer_peer.mjs SAMPLES MILLISECONDS SIZE...

import process from "node:process";

const registry = new FinalizationRegistry(() => {});

class Handle {
  constructor(byteCount) {
    // This memory is not from Node's pool, and not filled with zeros.
    this.bytes = Buffer.allocUnsafeSlow(byteCount);
    registry.register(this, byteCount, this);
  }
  dispose() {
    registry.unregister(this);
    this.bytes = null;
  }
}

function work(byteCount, isTouched, times) {
  for (let index = 0; index < times; index += 1) {
    const handle = new Handle(byteCount);
    if (isTouched) {
      const bytes = handle.bytes;
      for (let offset = 0; offset < byteCount; offset += 4096) bytes[offset] = 1;
    }
    handle.dispose();
  }
}

const now = () => Number(process.hrtime.bigint());
const idle = () => new Promise((resolve) => setImmediate(resolve));

async function sample(byteCount, isTouched, samples, length) {
  const warmUpEnd = now() + 300e6;
  let times = 1;
  do {
    const start = now();
    work(byteCount, isTouched, times);
    times = Math.max(1, Math.floor((times * length) / Math.max(1, now() - start)));
    await idle();
  } while (now() < warmUpEnd);
  const nanoseconds = [];
  const faults = process.resourceUsage().minorPageFault;
  for (let index = 0; index < samples; index += 1) {
    const start = now();
    work(byteCount, isTouched, times);
    nanoseconds.push((now() - start) / times);
    await idle();
  }
  const taken = process.resourceUsage().minorPageFault - faults;
  console.log([byteCount, isTouched ? "touched" : "untouched", times, taken, ...nanoseconds].join(" "));
}

const [samples, milliseconds, ...sizes] = process.argv.slice(2).map(Number);
if (!(samples > 0 && milliseconds > 0 && sizes.length > 0)) {
  console.error("usage: buffer_peer.mjs SAMPLES MILLISECONDS SIZE...");
  process.exit(64);
}
for (const byteCount of sizes) {
  await sample(byteCount, false, samples, milliseconds * 1e6);
  await sample(byteCount, true, samples, milliseconds * 1e6);
}

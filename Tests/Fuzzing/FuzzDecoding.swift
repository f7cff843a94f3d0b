// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Glibc
import LeakAuditing
import NativeBuffers

// One libFuzzer target for all decoders: NATIVE_BUFFERS_FUZZ names the format whose inputs are run, so that each
// decoder gets a run, a corpus and a count of its own. `.ci/fuzz` builds and runs it.

/// The format that is fuzzed; nil for all.
let wanted: PictureFormat? = {
  let name = unsafe getenv("NATIVE_BUFFERS_FUZZ").map { unsafe String(cString: $0) } ?? ""
  return [PictureFormat.jpeg, .png, .webp, .netpbm].first { $0.description.lowercased() == name.lowercased() }
}()

/// Runs one input, for libFuzzer.
/// - Returns: 0; or -1 for an input of another format, which keeps it out of the corpus.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDecoding(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
  if let wanted, unsafe PictureFormat(recognizing: bytes.bytes) != wanted { return -1 }
  unsafe DecodingTrial.shared.run(bytes)
  return 0
}

import Bitmaps
import Glibc
import LeakAuditing
import NativeBuffers

// One libFuzzer target for all decoders: NATIVE_BUFFERS_FUZZ names the format whose inputs are run, so that each decoder
// gets a run, a corpus and a count of its own. `.ci/fuzz` builds and runs it.

/// The format to be fuzzed; nil for all.
private let wanted: PictureFormat? = {
  let name = unsafe getenv("NATIVE_BUFFERS_FUZZ").map { unsafe String(cString: $0) } ?? ""
  return [PictureFormat.jpeg, .png, .webp, .netpbm].first { $0.description.lowercased() == name.lowercased() }
}()

private let limits: DecodingLimits = {
  var limits = DecodingLimits()
  // Small, so that an execution is fast and a picture out of bounds soon found.
  limits.pixelCount = 1 << 12
  limits.workingMemoryByteCount = 4 << 20
  limits.scanCount = 20
  return limits
}()

/// Executions between two audits of both books.
private let auditInterval = 1 << 14
// SAFETY: libFuzzer calls from one thread.
nonisolated(unsafe) private var executions = 0

/// -1 keeps inputs of other formats out of the corpus.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDecoding(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
  let span = unsafe bytes.bytes
  if let wanted, PictureFormat(recognizing: span) != wanted { return -1 }
  _ = try? PictureInfo(probing: span, limits: limits)
  for (format, width) in [(PixelFormat?.none, Int?.none), (.rgba8, 8)] {
    // A picture or an error: whatever else happens ends the process.
    guard let bitmap = try? Bitmap(decoding: span, format: format, minimumWidth: width, limits: limits) else { break }
    bitmap.dispose()
  }
  unsafe executions += 1
  if unsafe executions % auditInterval == 0 {
    guard let report = try? LeakAuditor.audit(), report.verdict == .clean,
      report.arenas.allSatisfy({ $0.live.count == 0 })
    else { fatalError("The books differ, or a decode left something") }
  }
  return 0
}

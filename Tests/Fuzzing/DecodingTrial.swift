// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Glibc
import LeakAuditing
import NativeBuffers

/// Runs one input of the fuzzer through the decoders and encoders. Decoding must give a picture or an error. If it does
/// something else, or two ways to decode give different pictures, the process ends, and libFuzzer keeps the input.
@safe struct DecodingTrial {
  // SAFETY: libFuzzer calls from one thread.
  nonisolated(unsafe) static let shared = DecodingTrial()

  private static let limits: DecodingLimits = {
    var limits = DecodingLimits()
    // The limit is small, so that each execution is fast, and the fuzzer soon makes a picture that exceeds it.
    limits.pixelCount = 1 << 12
    limits.workingMemoryByteCount = 4 << 20
    limits.scanCount = 20
    return limits
  }()

  /// The number of inputs between two audits, which take longer than most inputs do. If an input leaves memory behind,
  /// the next audit finds it. To find out which input it was, run again with NATIVE_BUFFERS_FUZZ_AUDIT=1. There is also
  /// an audit after each of the first inputs, so that a run of a few files has an audit for each of them.
  private static let auditInterval = max(
    1, unsafe getenv("NATIVE_BUFFERS_FUZZ_AUDIT").flatMap { unsafe Int(String(cString: $0)) } ?? 16)
  // SAFETY: libFuzzer calls from one thread.
  nonisolated(unsafe) private static var executions = 0

  private let input = GuardedMemory(byteCount: 1 << 20)
  /// No format has more than 16 bytes a pixel.
  private let pixels = GuardedMemory(byteCount: 16 << 12)
  private let encoded = GuardedMemory(byteCount: 1 << 17)

  private init() {
    // This audit is for the last inputs.
    atexit { DecodingTrial.audit() }
  }

  func run(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count <= 1 << 20 else { return }
    let copy = unsafe input.bytes(bytes.count, atEnd: true)
    unsafe copy.copyMemory(from: bytes)
    let file = unsafe UnsafeRawBufferPointer(copy).bytes
    var choices = InputChoices(of: file)
    let info = try? PictureInfo(probing: file, limits: Self.limits)
    let (bitmap, error) = Self.decode(file)
    if info != nil { _ = try? PictureInfo.exifData(of: file, limits: Self.limits) }
    Self.feed(file, info, bitmap, error, &choices)
    if let bitmap {
      // Decodes into another format, and smaller if the codec can do that.
      let format = choices.bool() ? PixelFormat.rgba8 : choices.element(of: PixelFormat.all)
      guard
        let other = try? Bitmap(
          decoding: file, format: format, minimumWidth: choices.element(of: [nil, 1, 8]), limits: Self.limits)
      else { fatalError("A picture, but not as \(format)") }
      other.dispose()
      decodeInPlace(file, bitmap, &choices)
      if choices.number(0...7) == 0 { encode(bitmap, &choices) }
      bitmap.dispose()
    }
    unsafe Self.executions += 1
    if unsafe Self.executions <= Self.auditInterval || Self.executions % Self.auditInterval == 0 { Self.audit() }
  }

  private static func decode(_ file: RawSpan) -> (Bitmap?, BitmapError?) {
    do throws(BitmapError) {
      return (try Bitmap(decoding: file, limits: limits), nil)
    } catch {
      return (nil, error)
    }
  }

  /// Decodes the file in pieces of any size. The result must be the same picture or the same error. Sometimes this
  /// drops the decoder before the end.
  private static func feed(
    _ file: RawSpan, _ info: PictureInfo?, _ whole: Bitmap?, _ wholeError: BitmapError?, _ choices: inout InputChoices
  ) {
    let largest = choices.element(of: [4, 64, 512, 4096])
    let last = choices.number(0...3) == 0 ? choices.number(0...file.byteCount) : file.byteCount
    var position = 0
    do {
      var decoder = PictureDecoder(limits: limits)
      while position < last {
        let count = min(choices.number(0...largest), last - position)
        try decoder.append(file.extracting(position..<position + count))
        position += count
      }
      guard last == file.byteCount else { return }
      if whole != nil, decoder.info != info { fatalError("\(String(describing: decoder.info)) for \(info!)") }
      let bitmap = try decoder.finish()
      defer { bitmap.dispose() }
      guard let whole else { fatalError("A picture only in pieces") }
      expectSame(bitmap, whole)
      guard bitmap.decodingWarnings == whole.decodingWarnings else { fatalError("Other warnings in pieces") }
    } catch {
      // If the decoder was dropped before the end, its error may differ from that of the whole file.
      if let whole { fatalError("No picture in pieces, at \(position) of \(whole): \(error)") }
      if last == file.byteCount, let wholeError, error.description != wholeError.description {
        fatalError("In pieces \(error), as a whole \(wholeError)")
      }
    }
  }

  /// Decodes into memory of other code that ends at a forbidden page, or begins behind one. (If a picture must be
  /// turned, the library decodes it into a bitmap of its own, and copies the pixels.)
  private func decodeInPlace(_ file: RawSpan, _ whole: Bitmap, _ choices: inout InputChoices) {
    let bytesPerRow = whole.width * whole.format.bytesPerPixel
    let memory = unsafe pixels.bytes(bytesPerRow * whole.height, atEnd: choices.bool())
    do {
      guard let base = memory.baseAddress else { return }
      var target = try unsafe Bitmap(
        unsafeWrapping: base, width: whole.width, height: whole.height, bytesPerRow: bytesPerRow,
        format: whole.format
      ) { _ in }
      defer { target.dispose() }
      try target.replacePixels(decoding: file, limits: Self.limits)
      Self.expectSame(target, whole)
    } catch {
      fatalError("A picture, but not in place: \(error)")
    }
  }

  /// Encodes into memory that is large enough, then into exactly as many bytes as the result has, and then into fewer:
  /// that must be an error which names the needed size.
  private func encode(_ bitmap: Bitmap, _ choices: inout InputChoices) {
    let encoding: PictureEncoding =
      switch choices.number(0...5) {
      case 0, 1: .jpeg(quality: choices.number(1...100))
      case 2, 3: .png(compression: choices.number(0...9))
      case 4: .webP(quality: choices.number(0...100), isLossless: choices.bool())
      default: .netpbm(choices.element(of: [.binary, .plain, .bitmap, .plainBitmap]))
      }
    func attempt(_ byteCount: Int) throws(BitmapError) -> Int {
      var target = unsafe encoded.bytes(byteCount, atEnd: true).mutableBytes
      return try bitmap.encode(as: encoding, into: &target)
    }
    do {
      let byteCount = try attempt(1 << 17)
      guard try attempt(byteCount) == byteCount else { fatalError("Not as many bytes as before") }
      let again = try unsafe Bitmap(
        decoding: UnsafeRawBufferPointer(encoded.bytes(byteCount, atEnd: true)).bytes, limits: Self.limits)
      guard again.width == bitmap.width, again.height == bitmap.height else { fatalError("Another size") }
      if encoding.format == .png, again.format == bitmap.format { Self.expectSame(again, bitmap) }
      again.dispose()
      do {
        _ = try attempt(choices.number(0...byteCount - 1))
        fatalError("\(byteCount) bytes in less room")
      } catch {
        guard error.code == .limitExceeded, error.exceededLimit?.needed == byteCount else {
          fatalError("Too little room for \(byteCount) bytes is \(error)")
        }
      }
    } catch {
      fatalError("\(encoding): \(error)")
    }
  }

  private static func expectSame(_ a: Bitmap, _ b: Bitmap) {
    guard a.width == b.width, a.height == b.height, a.format == b.format, a.colorProfile == b.colorProfile,
      (try? a.difference(from: b))?.maximum == 0
    else { fatalError("Two pictures of one input") }
  }

  /// Compares both books, and ends the process if they differ or if an input left memory behind.
  private static func audit() {
    guard let report = try? LeakAuditor.audit() else { fatalError("No audit") }
    guard report.verdict == .clean, report.adopted.count == 0, report.arenas.allSatisfy({ $0.live.count == 0 }) else {
      fatalError("The books differ, or something was left: \(report.text)")
    }
  }
}

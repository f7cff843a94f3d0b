// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A copy in which every pixel is the weighted sum of itself and its neighbours, by a kernel of 3×3 or 5×5.
  ///
  /// Beyond the border, the outermost pixels are repeated. Integers are rounded and clamped, and are within 1 of 255 of
  /// the exact result. Floats are not clamped; they come from sums that are within 0.00001 of a full value (straight
  /// colours are quotients of two such sums).
  ///
  /// Costs one pass, and scratch memory: 4 bytes per channel of at most seven rows.
  ///
  /// - Parameters:
  ///   - kernel: The weights, the divisor and the bias.
  ///   - preservesAlpha: If false, colours are weighted with their alpha, and the kernel applies to alpha, too; if the
  ///     weights add up to 0, everything opaque becomes transparent. If true, alpha stays as it is, and colours are
  ///     used as they are stored, those of transparent pixels, too. This is `preserveAlpha` of SVG's
  ///     `feConvolveMatrix`.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `outOfMemory` if there is no memory for the copy or for scratch memory; `pixelsUnavailable` if this
  ///   bitmap was disposed or is being written; `cancelled` if the calling task is cancelled.
  public func convolved(
    with kernel: ConvolutionKernel, preservesAlpha: Bool = false, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let layout = ConvolutionLayout(self, kernel)
    return try unsafe filtered(scratch: layout.scratch, for: "convolving", context: context) {
      source, target, scratch throws(BitmapError) in
      var pass = unsafe ConvolutionPass(layout, scratch: scratch, source: source, bitmap: self, kernel: kernel)
      pass.preservesAlpha = preservesAlpha && format.hasAlpha
      try unsafe pass.run(into: target)
    }
  }
}

/// The scratch memory of a convolution.
private struct ConvolutionLayout {
  private(set) var scratch = ScratchLayout()
  let weights: ScratchLayout.Part<Float>
  /// As many rows as the kernel is high, one after another, each with repeated pixels on both sides.
  let rows: ScratchLayout.Part<Float>
  let result: ScratchLayout.Part<Float>
  let rowStride: Int

  init(_ bitmap: Bitmap, _ kernel: ConvolutionKernel) {
    let channels = bitmap.format.channelCount
    rowStride = ((bitmap.width + kernel.side - 1) * channels + 15) / 16 * 16
    weights = scratch.add(Float.self, count: kernel.weights.count)
    rows = scratch.add(Float.self, count: kernel.side * rowStride)
    result = scratch.add(Float.self, count: bitmap.width * channels)
  }
}

/// A window of loaded rows that moves down the picture: each row is loaded once.
// SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
// both.
@safe
private struct ConvolutionPass {
  let source: UnsafeRows
  let weights: UnsafeMutablePointer<Float>
  let rows: UnsafeMutablePointer<Float>
  let result: UnsafeMutablePointer<Float>
  let rowStride: Int
  let width: Int
  let height: Int
  let format: PixelFormat
  let side: Int
  let bias: Float
  var preservesAlpha = false

  init(
    _ layout: ConvolutionLayout, scratch: UnsafeMutableRawPointer, source: UnsafeRows, bitmap: Bitmap,
    kernel: ConvolutionKernel
  ) {
    unsafe self.source = unsafe source
    unsafe weights = layout.weights.zeroed(in: scratch)
    unsafe rows = layout.rows.zeroed(in: scratch)
    unsafe result = layout.result.zeroed(in: scratch)
    rowStride = layout.rowStride
    width = bitmap.width
    height = bitmap.height
    format = bitmap.format
    side = kernel.side
    bias = kernel.bias * Float(bitmap.format.fullValue)
    for (index, weight) in kernel.weights.enumerated() { unsafe weights[index] = weight / kernel.divisor }
  }

  /// If alpha is kept, straight colours are loaded and stored as if there were no alpha.
  private var samples: cpixel_samples {
    var samples = format.samples
    if preservesAlpha, !format.isPremultiplied { samples.alpha = CPIXEL_OPAQUE }
    return samples
  }

  func run(into target: UnsafeMutableRows) throws(BitmapError) {
    let reach = side / 2
    let deadline = WorkDeadline()
    for y in -reach..<reach { load(y) }
    for y in 0..<height {
      try deadline.check(row: y)
      load(y + reach)
      unsafe cpixel_convolve_rows(
        rows, rowStride, slot(y - reach), side, weights, samples.channels, width, result)
      restoreAlpha(of: y)
      if bias != 0 {
        unsafe cpixel_add_bias(result, samples, width, bias)
        restoreAlpha(of: y)
      }
      unsafe cpixel_store_row(result, samples, width, target[y])
    }
  }

  /// The place of a row in the window. `y` may lie beyond the border.
  private func slot(_ y: Int) -> Int { (y + side) % side }

  private func restoreAlpha(of y: Int) {
    guard preservesAlpha else { return }
    let middle = unsafe rows + slot(y) * rowStride + side / 2 * samples.channels
    unsafe cpixel_copy_alpha(middle, samples.channels, width, result)
  }

  private func load(_ y: Int) {
    let channels = samples.channels
    let start = unsafe rows + slot(y) * rowStride
    let first = unsafe start + side / 2 * channels
    unsafe cpixel_load_row(source[min(max(y, 0), height - 1)], samples, width, first)
    let end = unsafe first + width * channels
    for i in 0..<side / 2 * channels {
      unsafe start[i] = first[i % channels]
      unsafe end[i] = (end - channels)[i % channels]
    }
  }
}

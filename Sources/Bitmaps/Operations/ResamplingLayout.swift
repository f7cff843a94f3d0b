// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// The scratch memory of a resize. The layout also decides which axis is resized first.
struct ResamplingLayout {
  private(set) var scratch = ScratchLayout()
  let filter: ResizeFilter
  let horizontal: ResamplingAxis.Layout
  let vertical: ResamplingAxis.Layout
  /// A row as wide as the source.
  let sums: ScratchLayout.Part<Float>
  /// A second row as wide as the source, for the rows of a block; nil if few rows make a target row, or the byte
  /// kernels are used.
  let block: ScratchLayout.Part<Float>?
  /// Nil if rows of sums come first.
  let narrowed: Narrowed?
  /// A target row before it is stored; nil if the byte kernels store rows themselves.
  let blended: ScratchLayout.Part<Float>?
  let isHalf: Bool

  /// Rows in the target's width, as many as a target row can be made of.
  struct Narrowed {
    let rowCount: Int
    /// The distance from one row to the next, in floats.
    let stride: Int
    let rows: ScratchLayout.Part<Float>
  }

  init(from source: Bitmap, to target: Bitmap, filter: ResizeFilter) {
    self.filter = filter
    sums = scratch.add(Float.self, count: source.width * source.format.channelCount + Int(CPIXEL_SUM_PADDING))
    horizontal = .init(source: source.width, target: target.width, filter: filter, in: &scratch)
    vertical = .init(source: source.height, target: target.height, filter: filter, in: &scratch)
    narrowed = Self.narrowed(horizontal, vertical, channels: source.format.channelCount, in: &scratch)
    // Premultiplied colours need no weighting with alpha, but negative weights could make them larger than alpha.
    let isForBytes =
      source.format.hasByteKernels
      || source.format.isPremultiplied && source.format.channelCount == 4 && filter != .lanczos3
    blended =
      isForBytes && narrowed == nil
      ? nil
      : scratch.add(Float.self, count: target.width * target.format.channelCount + Int(CPIXEL_ROW_PADDING))
    block = blended != nil && narrowed == nil && vertical.isLong ? scratch.add(Float.self, count: sums.count) : nil
    isHalf =
      filter == .area && isForBytes && source.width == 2 * target.width && source.height == 2 * target.height
  }

  /// Narrowing first pays off if the picture becomes narrower and taller. In all other cases it saves less than half
  /// of the work. Also, few rows must be kept only if the height does not shrink: then at most 7 rows make a target
  /// row.
  private static func narrowed(
    _ horizontal: ResamplingAxis.Layout, _ vertical: ResamplingAxis.Layout, channels: Int,
    in scratch: inout ScratchLayout
  ) -> Narrowed? {
    guard horizontal.target < horizontal.source, vertical.target > vertical.source else { return nil }
    // Counts numbers multiplied and added, per channel. It is a Double, because products of sides may exceed Int.
    func work(ofRows rows: Int, width: Int) -> Double {
      Double(rows) * Double(horizontal.work) + Double(vertical.work) * Double(width)
    }
    let asUsual = work(ofRows: vertical.target, width: horizontal.source)
    let narrowing = work(ofRows: vertical.source, width: horizontal.target)
    guard narrowing <= asUsual / 2 else { return nil }
    let stride = (horizontal.target * channels + Int(CPIXEL_ROW_PADDING) + 15) / 16 * 16
    let rows = scratch.add(Float.self, count: vertical.tapLimit * stride)
    return Narrowed(rowCount: vertical.tapLimit, stride: stride, rows: rows)
  }
}

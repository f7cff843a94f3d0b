// SPDX-License-Identifier: Apache-2.0

/// A format to encode a picture as, with the options of the format.
///
/// It is a struct and not an enum, so that more can be added.
public struct PictureEncoding: Hashable, Sendable {
  let encoder: any PictureEncoder

  public var format: PictureFormat { type(of: encoder).format }

  public static func == (left: PictureEncoding, right: PictureEncoding) -> Bool {
    AnyHashable(left.encoder) == AnyHashable(right.encoder)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(encoder)) }
}

/// How a pixel lies in memory: which channels, in which order, of which depth.
///
/// A struct and not an enum, so that formats can be added without breaking anybody's `switch`.
public struct PixelFormat: Hashable, Sendable {
  enum Kind: UInt8 {
    case gray8, rgb8, rgba8
  }

  let kind: Kind

  /// One byte: luminance.
  public static let gray8 = PixelFormat(kind: .gray8)

  /// Three bytes: red, green, blue.
  public static let rgb8 = PixelFormat(kind: .rgb8)

  /// Four bytes: red, green, blue, alpha. Colour is *not* multiplied by alpha.
  public static let rgba8 = PixelFormat(kind: .rgba8)

  public var channelCount: Int {
    switch kind {
    case .gray8: 1
    case .rgb8: 3
    case .rgba8: 4
    }
  }

  /// The distance from a pixel to the next in its row, in bytes.
  public var bytesPerPixel: Int { channelCount }

  public var hasAlpha: Bool { kind == .rgba8 }
}

extension PixelFormat: CustomStringConvertible {
  public var description: String { "\(kind)" }
}

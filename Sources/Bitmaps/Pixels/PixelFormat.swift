// SPDX-License-Identifier: Apache-2.0

/// How a pixel lies in memory: its channels, their order and depth, and whether colours are multiplied by alpha.
///
/// It is a struct and not an enum, so that new formats do not break a client's `switch`.
///
/// | format | bytes a pixel | in memory |
/// | --- | --- | --- |
/// | ``gray8`` | 1 | gray |
/// | ``grayAlpha8``, ``grayAlpha8Premultiplied`` | 2 | gray, alpha |
/// | ``rgb8`` | 3 | red, green, blue |
/// | ``rgba8``, ``rgba8Premultiplied`` | 4 | red, green, blue, alpha |
/// | ``bgra8``, ``bgra8Premultiplied`` | 4 | blue, green, red, alpha |
/// | ``gray16`` | 2 | gray |
/// | ``rgba16`` | 8 | red, green, blue, alpha |
/// | ``grayF32`` | 4 | gray |
/// | ``rgbaF32`` | 16 | red, green, blue, alpha |
///
/// Channels of 8 bits go from 0 to 255, channels of 16 bits from 0 to 65,535 in the byte order of the machine. Floats
/// go from 0 to 1 and hold the *encoded* values: 255 of 8 bits and 65,535 of 16 bits are 1, and nothing is linearised.
/// Floats may lie outside this range, for example after a sharp filter. A conversion to integers clamps them first, and
/// NaN becomes 0.
public struct PixelFormat: Hashable, Sendable {
  // The C kernels know the formats by these numbers: see cpixel_format.
  enum Kind: UInt8, CaseIterable {
    case gray8, grayAlpha8, grayAlpha8Premultiplied
    case rgb8, rgba8, rgba8Premultiplied, bgra8, bgra8Premultiplied
    case gray16, rgba16, grayF32, rgbaF32
  }

  let kind: Kind

  /// One byte: luminance.
  public static let gray8 = PixelFormat(kind: .gray8)
  /// Two bytes: luminance, alpha.
  public static let grayAlpha8 = PixelFormat(kind: .grayAlpha8)
  /// Two bytes: luminance multiplied by alpha, alpha.
  public static let grayAlpha8Premultiplied = PixelFormat(kind: .grayAlpha8Premultiplied)
  /// Three bytes: red, green, blue.
  public static let rgb8 = PixelFormat(kind: .rgb8)
  /// Four bytes: red, green, blue, alpha. Colour is *not* multiplied by alpha.
  public static let rgba8 = PixelFormat(kind: .rgba8)
  /// Four bytes: red, green and blue multiplied by alpha, alpha.
  public static let rgba8Premultiplied = PixelFormat(kind: .rgba8Premultiplied)
  /// Four bytes: blue, green, red, alpha. Colour is *not* multiplied by alpha.
  public static let bgra8 = PixelFormat(kind: .bgra8)
  /// Four bytes: blue, green and red multiplied by alpha, alpha.
  public static let bgra8Premultiplied = PixelFormat(kind: .bgra8Premultiplied)
  /// One 16-bit number: luminance.
  public static let gray16 = PixelFormat(kind: .gray16)
  /// Four 16-bit numbers: red, green, blue, alpha. Colour is *not* multiplied by alpha.
  public static let rgba16 = PixelFormat(kind: .rgba16)
  /// One float: luminance.
  public static let grayF32 = PixelFormat(kind: .grayF32)
  /// Four floats: red, green, blue, alpha. Colour is *not* multiplied by alpha.
  public static let rgbaF32 = PixelFormat(kind: .rgbaF32)

  /// All formats.
  public static let all = Kind.allCases.map(PixelFormat.init(kind:))
}

extension PixelFormat {
  /// The type of one channel of a pixel.
  public enum Channel: Hashable, Sendable {
    /// 8 bits, 0 to 255.
    case uint8
    /// 16 bits in the machine's byte order, 0 to 65,535.
    case uint16
    /// 32 bits, 0 to 1, but values outside are allowed.
    case float32

    public var byteCount: Int {
      switch self {
      case .uint8: 1
      case .uint16: 2
      case .float32: 4
      }
    }
  }

  public var channel: Channel {
    switch kind {
    case .gray16, .rgba16: .uint16
    case .grayF32, .rgbaF32: .float32
    default: .uint8
    }
  }

  /// The number of channels, alpha included.
  public var channelCount: Int {
    switch kind {
    case .gray8, .gray16, .grayF32: 1
    case .grayAlpha8, .grayAlpha8Premultiplied: 2
    case .rgb8: 3
    default: 4
    }
  }

  public var bytesPerChannel: Int { channel.byteCount }

  /// The distance from a pixel to the next in its row, in bytes.
  public var bytesPerPixel: Int { channelCount * bytesPerChannel }

  /// Whether there is alpha. It is then the last channel.
  public var hasAlpha: Bool { channelCount == 2 || channelCount == 4 }

  /// Whether pixels have luminance instead of red, green and blue.
  public var isGray: Bool { channelCount <= 2 }

  /// Whether colours are multiplied by alpha. False if there is no alpha.
  public var isPremultiplied: Bool {
    switch kind {
    case .grayAlpha8Premultiplied, .rgba8Premultiplied, .bgra8Premultiplied: true
    default: false
    }
  }

  /// The gray format of the same depth. Formats of 8 bits keep alpha, and keep whether colours are multiplied by it.
  /// Formats of 16 bits and of floats lose alpha, since there is no such gray format.
  public var grayscale: PixelFormat {
    switch kind {
    case .rgb8: .gray8
    case .rgba8, .bgra8: .grayAlpha8
    case .rgba8Premultiplied, .bgra8Premultiplied: .grayAlpha8Premultiplied
    case .rgba16: .gray16
    case .rgbaF32: .grayF32
    default: self
    }
  }

  /// The same format with colours that are not multiplied by alpha.
  public var straight: PixelFormat {
    switch kind {
    case .grayAlpha8Premultiplied: .grayAlpha8
    case .rgba8Premultiplied: .rgba8
    case .bgra8Premultiplied: .bgra8
    default: self
    }
  }

  /// The same format with colours multiplied by alpha; nil if there is none. Formats without alpha, of 16 bits and of
  /// floats have none.
  public var premultiplied: PixelFormat? {
    switch kind {
    case .grayAlpha8, .grayAlpha8Premultiplied: .grayAlpha8Premultiplied
    case .rgba8, .rgba8Premultiplied: .rgba8Premultiplied
    case .bgra8, .bgra8Premultiplied: .bgra8Premultiplied
    default: nil
    }
  }
}

extension PixelFormat: CustomStringConvertible {
  public var description: String { "\(kind)" }
}

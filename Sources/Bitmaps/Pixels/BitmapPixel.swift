// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// A pixel as Swift sees it: the fields of a struct instead of bytes.
///
/// The structs below cover all formats of this module. Your own type works if it has the size of the format's pixels,
/// needs no stricter alignment than their channels, and has a valid value for every pattern of bytes. A type that
/// contains a `Bool`, an enum or a `Unicode.Scalar` does not. The compiler cannot check this, so you promise it, in
/// unsafe code:
///
///     struct Heat: BitmapPixel {
///       var kelvin: UInt16
///       static let formats: Set<PixelFormat> = [.gray16]
///       static var bitPatterns: AnyBitPattern<Heat> { unsafe AnyBitPattern(unsafePromisedFor: Heat.self) }
///     }
public protocol BitmapPixel: NativeElement, BitwiseCopyable, Hashable, Sendable {
  /// The formats whose pixels the type describes. Straight and premultiplied formats have the same type.
  static var formats: Set<PixelFormat> { get }
}

/// A pixel of ``PixelFormat/gray8``.
public struct Gray8: BitmapPixel {
  public var gray: UInt8
  public init(_ gray: UInt8) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.gray8]
  public static var bitPatterns: AnyBitPattern<Gray8> { AnyBitPattern(knownFor: Gray8.self) }
}

/// A pixel of ``PixelFormat/grayAlpha8`` and ``PixelFormat/grayAlpha8Premultiplied``.
public struct GrayAlpha8: BitmapPixel {
  public var gray: UInt8
  public var alpha: UInt8

  public init(gray: UInt8, alpha: UInt8) {
    self.gray = gray
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.grayAlpha8, .grayAlpha8Premultiplied]
  public static var bitPatterns: AnyBitPattern<GrayAlpha8> { AnyBitPattern(knownFor: GrayAlpha8.self) }
}

/// A pixel of ``PixelFormat/rgb8``.
public struct RGB8: BitmapPixel {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  public static let formats: Set<PixelFormat> = [.rgb8]
  public static var bitPatterns: AnyBitPattern<RGB8> { AnyBitPattern(knownFor: RGB8.self) }
}

/// A pixel of ``PixelFormat/rgba8`` and ``PixelFormat/rgba8Premultiplied``.
public struct RGBA8: BitmapPixel {
  public var red: UInt8
  public var green: UInt8
  public var blue: UInt8
  public var alpha: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8, alpha: UInt8 = 255) {
    self.red = red
    self.green = green
    self.blue = blue
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.rgba8, .rgba8Premultiplied]
  public static var bitPatterns: AnyBitPattern<RGBA8> { AnyBitPattern(knownFor: RGBA8.self) }
}

/// A pixel of ``PixelFormat/bgra8`` and ``PixelFormat/bgra8Premultiplied``.
public struct BGRA8: BitmapPixel {
  public var blue: UInt8
  public var green: UInt8
  public var red: UInt8
  public var alpha: UInt8

  public init(red: UInt8, green: UInt8, blue: UInt8, alpha: UInt8 = 255) {
    self.blue = blue
    self.green = green
    self.red = red
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.bgra8, .bgra8Premultiplied]
  public static var bitPatterns: AnyBitPattern<BGRA8> { AnyBitPattern(knownFor: BGRA8.self) }
}

/// A pixel of ``PixelFormat/gray16``.
public struct Gray16: BitmapPixel {
  public var gray: UInt16
  public init(_ gray: UInt16) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.gray16]
  public static var bitPatterns: AnyBitPattern<Gray16> { AnyBitPattern(knownFor: Gray16.self) }
}

/// A pixel of ``PixelFormat/rgba16``.
public struct RGBA16: BitmapPixel {
  public var red: UInt16
  public var green: UInt16
  public var blue: UInt16
  public var alpha: UInt16

  public init(red: UInt16, green: UInt16, blue: UInt16, alpha: UInt16 = .max) {
    self.red = red
    self.green = green
    self.blue = blue
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.rgba16]
  public static var bitPatterns: AnyBitPattern<RGBA16> { AnyBitPattern(knownFor: RGBA16.self) }
}

/// A pixel of ``PixelFormat/grayF32``.
public struct GrayF32: BitmapPixel {
  public var gray: Float
  public init(_ gray: Float) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.grayF32]
  public static var bitPatterns: AnyBitPattern<GrayF32> { AnyBitPattern(knownFor: GrayF32.self) }
}

/// A pixel of ``PixelFormat/rgbaF32``.
public struct RGBAF32: BitmapPixel {
  public var red: Float
  public var green: Float
  public var blue: Float
  public var alpha: Float

  public init(red: Float, green: Float, blue: Float, alpha: Float = 1) {
    self.red = red
    self.green = green
    self.blue = blue
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.rgbaF32]
  public static var bitPatterns: AnyBitPattern<RGBAF32> { AnyBitPattern(knownFor: RGBAF32.self) }
}

/// A pixel as Swift sees it: the fields of a struct instead of bytes.
///
/// The structs below are all there is for the formats of this module. A type of your own works where it has the size of
/// the format's pixels, no stricter alignment than their channels, and makes sense of any bytes: one with a `Bool` or an
/// enum in it does not.
public protocol BitmapPixel: BitwiseCopyable, Hashable, Sendable {
  /// The formats whose pixels it describes: straight and premultiplied ones look the same.
  static var formats: Set<PixelFormat> { get }
}

public struct Gray8: BitmapPixel {
  public var gray: UInt8
  public init(_ gray: UInt8) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.gray8]
}

/// Of ``PixelFormat/grayAlpha8`` and ``PixelFormat/grayAlpha8Premultiplied``.
public struct GrayAlpha8: BitmapPixel {
  public var gray: UInt8
  public var alpha: UInt8

  public init(gray: UInt8, alpha: UInt8) {
    self.gray = gray
    self.alpha = alpha
  }

  public static let formats: Set<PixelFormat> = [.grayAlpha8, .grayAlpha8Premultiplied]
}

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
}

/// Of ``PixelFormat/rgba8`` and ``PixelFormat/rgba8Premultiplied``.
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
}

/// Of ``PixelFormat/bgra8`` and ``PixelFormat/bgra8Premultiplied``.
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
}

public struct Gray16: BitmapPixel {
  public var gray: UInt16
  public init(_ gray: UInt16) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.gray16]
}

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
}

public struct GrayF32: BitmapPixel {
  public var gray: Float
  public init(_ gray: Float) { self.gray = gray }
  public static let formats: Set<PixelFormat> = [.grayF32]
}

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
}

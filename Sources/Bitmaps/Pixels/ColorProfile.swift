// SPDX-License-Identifier: Apache-2.0

/// What the numbers of a picture mean as colours: sRGB, or what ICC data says.
///
/// This module does not convert colours between profiles. It keeps the profile with the pixels, so that a decoded
/// picture can be encoded or shown with its own colours. Operations keep the profile. A conversion to another kind of
/// colours (to gray, for example) drops ICC data, because it would be wrong for them.
///
/// ICC data lies on Swift's heap. All bitmaps that have it share it, and it is released with the last of them. It is
/// usually a few kilobytes, and ``DecodingLimits/colorProfileByteCount`` bounds what a file can contain.
public struct ColorProfile: Hashable, Sendable {
  /// The ICC data as it was found in a file; nil for sRGB.
  public let iccData: [UInt8]?

  private init(iccData: [UInt8]?) { self.iccData = iccData }

  /// The colours of the web, and of pictures that do not name a profile.
  public static let sRGB = ColorProfile(iccData: nil)

  /// Takes ICC data, of which only the head is checked. Nil if it is shorter than a head of 128 bytes, its length is
  /// not the one that the head says, or it has no signature of ICC profiles.
  public init?(iccData: some Collection<UInt8>) {
    let iccData = [UInt8](iccData)
    guard Self.byteCount(byHead: iccData) == iccData.count else { return nil }
    self.iccData = iccData
  }

  /// The length of the whole ICC data in bytes, as its head says; nil if `data` does not begin with a head of ICC data.
  static func byteCount(byHead data: [UInt8]) -> Int? {
    guard data.count >= headByteCount, data[36..<40].elementsEqual("acsp".utf8) else { return nil }
    let byteCount = data[..<4].reduce(0) { $0 << 8 | Int($1) }
    return byteCount >= headByteCount ? byteCount : nil
  }

  static let headByteCount = 128
}

extension ColorProfile {
  /// The kind of colours that a profile describes.
  public enum Model: Hashable, Sendable {
    case gray, rgb
    /// CMYK, Lab or another kind that no pixel format holds.
    case other
  }

  /// The kind of colours that the ICC data is for; nil for sRGB, which gray pixels can have, too.
  public var model: Model? {
    guard let iccData else { return nil }
    let signature = iccData[16..<20]
    if signature.elementsEqual("RGB ".utf8) { return .rgb }
    return signature.elementsEqual("GRAY".utf8) ? .gray : .other
  }

  /// This profile if it fits pixels of a format, else sRGB: the profile for pixels that are converted to `format`.
  public func fitting(_ format: PixelFormat) -> ColorProfile {
    model == nil || model == (format.isGray ? .gray : .rgb) ? self : .sRGB
  }
}

extension ColorProfile: CustomStringConvertible {
  public var description: String { iccData.map { "ICC data of \($0.count) bytes" } ?? "sRGB" }
}

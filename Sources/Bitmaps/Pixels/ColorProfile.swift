/// What the numbers of a picture mean as colours: sRGB, or what ICC data says.
///
/// Nothing here converts colours between profiles: a note of what they mean goes with the pixels, so that a decoded
/// picture can be encoded, or shown, as the colours it has. Operations keep it; conversion to another kind of colours
/// (to gray, say) drops ICC data, which would be wrong for them.
///
/// ICC data lies on Swift's heap, shared by all bitmaps that have it, and goes with the last of them: it is a few
/// kilobytes at most, and ``DecodingLimits/colorProfileByteCount`` bounds what a file can bring along.
public struct ColorProfile: Hashable, Sendable {
  /// The ICC data as it was found in a file; nil for sRGB.
  public let iccData: [UInt8]?

  private init(iccData: [UInt8]?) { self.iccData = iccData }

  /// The colours of the web, and of pictures that say nothing else.
  public static let sRGB = ColorProfile(iccData: nil)

  /// ICC data, of which no more is read than its head; nil where it is none: shorter than its 128 bytes, another length
  /// than it says, or without the signature of ICC profiles.
  public init?(iccData: some Collection<UInt8>) {
    let iccData = [UInt8](iccData)
    guard Self.byteCount(byHead: iccData) == iccData.count else { return nil }
    self.iccData = iccData
  }

  /// How long the head of a piece of ICC data says that all of it is, in bytes; nil where it is no such head.
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
    /// CMYK, Lab or another that no pixel format holds.
    case other
  }

  /// What kind of colours the ICC data is for; nil for sRGB, which gray pixels can have, too.
  public var model: Model? {
    guard let iccData else { return nil }
    let signature = iccData[16..<20]
    if signature.elementsEqual("RGB ".utf8) { return .rgb }
    return signature.elementsEqual("GRAY".utf8) ? .gray : .other
  }

  /// This profile where it fits pixels of a format, else sRGB: what is to be noted for pixels converted to `format`.
  public func fitting(_ format: PixelFormat) -> ColorProfile {
    model == nil || model == (format.isGray ? .gray : .rgb) ? self : .sRGB
  }
}

extension ColorProfile: CustomStringConvertible {
  public var description: String { iccData.map { "ICC data of \($0.count) bytes" } ?? "sRGB" }
}

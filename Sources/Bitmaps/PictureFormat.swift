/// A file format for pictures, told by the first bytes of a file and never by its name.
///
/// Some formats are recognised though they cannot be decoded, so that an error can say what the file is.
public struct PictureFormat: Hashable, Sendable {
  enum Kind: String {
    case jpeg = "JPEG"
    case png = "PNG"
    case webp = "WebP"
    case netpbm = "Netpbm"
    case gif = "GIF"
    case tiff = "TIFF"
    case bmp = "BMP"
  }

  let kind: Kind

  public static let jpeg = PictureFormat(kind: .jpeg)
  public static let png = PictureFormat(kind: .png)
  public static let webp = PictureFormat(kind: .webp)
  /// PBM, PGM, PPM and PAM. What the samples of a PAM are, its TUPLTYPE says: BLACKANDWHITE, GRAYSCALE or RGB, each of
  /// them also with _ALPHA; any other, as CMYK, is `unsupported`. Where there is none, 1 to 4 samples a pixel are gray,
  /// gray and alpha, RGB, RGB and alpha.
  public static let netpbm = PictureFormat(kind: .netpbm)
  public static let gif = PictureFormat(kind: .gif)
  public static let tiff = PictureFormat(kind: .tiff)
  public static let bmp = PictureFormat(kind: .bmp)

  /// Whether ``Bitmap`` can decode it.
  public var isDecodable: Bool {
    switch kind {
    case .jpeg, .png, .webp, .netpbm: true
    default: false
    }
  }

  /// How many leading bytes ``init(recognizing:)`` looks at.
  public static let signatureByteCount = 16
}

extension PictureFormat {
  /// The format that these leading bytes of a file announce, or nil where they announce none.
  ///
  /// That the bytes announce a format says nothing about the rest of the file.
  public init?(recognizing bytes: RawSpan) {
    func starts(with signature: [UInt8], at offset: Int = 0) -> Bool {
      guard bytes.byteCount >= offset + signature.count else { return false }
      return signature.indices.allSatisfy {
        unsafe bytes.unsafeLoad(fromByteOffset: offset + $0, as: UInt8.self) == signature[$0]
      }
    }
    if starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      // Four bytes of the eight: the other four exist to show damage, and libpng names that damage.
      self = .png
    } else if starts(with: Array("RIFF".utf8)), starts(with: Array("WEBP".utf8), at: 8) {
      self = .webp
    } else if starts(with: [0x50]), bytes.byteCount >= 3,
      (0x31...0x37).contains(unsafe bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self)),
      // "P", a digit, and the white space or comment that must follow.
      [0x20, 0x09, 0x0A, 0x0D, 0x23].contains(unsafe bytes.unsafeLoad(fromByteOffset: 2, as: UInt8.self))
    {
      self = .netpbm
    } else if starts(with: Array("GIF8".utf8)) {
      self = .gif
    } else if starts(with: [0x49, 0x49, 0x2A, 0x00]) || starts(with: [0x4D, 0x4D, 0x00, 0x2A]) {
      self = .tiff
    } else if starts(with: Array("BM".utf8)), bytes.byteCount >= 10,
      // Two letters are little evidence; a bitmap file has four zeros after its size.
      starts(with: [0, 0, 0, 0], at: 6)
    {
      self = .bmp
    } else {
      return nil
    }
  }
}

extension PictureFormat: CustomStringConvertible {
  public var description: String { kind.rawValue }
}

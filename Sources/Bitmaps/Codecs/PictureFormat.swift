/// A file format for pictures, told by the first bytes of a file and never by its name.
///
/// Many formats are recognised though they cannot be decoded, so that an error can say what the file is and what helps:
/// other formats of pictures, documents and videos.
public struct PictureFormat: Hashable, Sendable {
  enum Kind: String {
    case jpeg = "JPEG"
    case png = "PNG"
    case webp = "WebP"
    case netpbm = "Netpbm"
    case gif = "GIF"
    case tiff = "TIFF"
    case bmp = "BMP"
    case heic = "HEIC"
    case avif = "AVIF"
    case jpegXL = "JPEG XL"
    case jpeg2000 = "JPEG 2000"
    case ico = "ICO"
    case psd = "PSD"
    case svg = "SVG"
    case pdf = "PDF"
    case cgbi = "CgBI PNG"
    case cameraRaw = "camera raw"
    case mp4 = "MP4 or MOV video"
    case matroska = "WebM or Matroska video"
    case avi = "AVI video"
    case video = "video"
    case jpegXR = "JPEG XR"
    case jpegLS = "JPEG-LS"
    case openEXR = "OpenEXR"
    case radiance = "Radiance HDR"
    case pfm = "PFM"
    case qoi = "QOI"
    case dds = "DDS"
    case xcf = "XCF"
    case mng = "MNG or JNG"
    case djvu = "DjVu"
    case postScript = "PostScript"
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
  /// Also raw files of cameras that start like a TIFF, as DNG, NEF and ARW.
  public static let tiff = PictureFormat(kind: .tiff)
  public static let bmp = PictureFormat(kind: .bmp)
  /// And any other HEIF that is no AVIF.
  public static let heic = PictureFormat(kind: .heic)
  public static let avif = PictureFormat(kind: .avif)
  /// With or without a container.
  public static let jpegXL = PictureFormat(kind: .jpegXL)
  /// With or without a container.
  public static let jpeg2000 = PictureFormat(kind: .jpeg2000)
  /// Icons and cursors of Windows.
  public static let ico = PictureFormat(kind: .ico)
  public static let psd = PictureFormat(kind: .psd)
  public static let svg = PictureFormat(kind: .svg)
  public static let pdf = PictureFormat(kind: .pdf)
  /// What Apple's tools make of the PNGs in an app: they have a chunk `CgBI` in front, and are no PNGs any more.
  public static let cgbi = PictureFormat(kind: .cgbi)
  /// Raw files of cameras that do not start like a TIFF, or say that they are more: CR2, CR3, CRW, MRW, ORF, RAF, RW2, X3F.
  public static let cameraRaw = PictureFormat(kind: .cameraRaw)
  /// A video in a container of the MP4 family, QuickTime included.
  public static let mp4 = PictureFormat(kind: .mp4)
  /// A video in WebM or Matroska.
  public static let matroska = PictureFormat(kind: .matroska)
  public static let avi = PictureFormat(kind: .avi)

  /// Whether ``Bitmap`` can decode it.
  public var isDecodable: Bool {
    switch kind {
    case .jpeg, .png, .webp, .netpbm: true
    default: false
    }
  }
}

extension PictureFormat: CustomStringConvertible {
  public var description: String { kind.rawValue }
}

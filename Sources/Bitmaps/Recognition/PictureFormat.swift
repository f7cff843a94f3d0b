// SPDX-License-Identifier: Apache-2.0

/// A file format for pictures. The first bytes of a file tell the format, never the file's name.
///
/// Many formats are recognised although they cannot be decoded, so that an error can say what the file is and what
/// helps. These are other formats of pictures, documents and videos.
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
    case icns = "ICNS"
    case emf = "EMF"
    case dicom = "DICOM"
  }

  let kind: Kind

  public static let jpeg = PictureFormat(kind: .jpeg)
  public static let png = PictureFormat(kind: .png)
  public static let webp = PictureFormat(kind: .webp)
  /// PBM, PGM, PPM and PAM. A PAM's TUPLTYPE says what its samples are: BLACKANDWHITE, GRAYSCALE or RGB, and each of
  /// them with _ALPHA. Any other type, such as CMYK, is `unsupported`. If there is no TUPLTYPE, 1 to 4 samples for each
  /// pixel are gray, gray and alpha, RGB, RGB and alpha.
  public static let netpbm = PictureFormat(kind: .netpbm)
  public static let gif = PictureFormat(kind: .gif)
  /// TIFF, and raw files of cameras that start like a TIFF, such as NEF and ARW.
  public static let tiff = PictureFormat(kind: .tiff)
  public static let bmp = PictureFormat(kind: .bmp)
  /// HEIC, and any other HEIF that is not AVIF.
  public static let heic = PictureFormat(kind: .heic)
  public static let avif = PictureFormat(kind: .avif)
  /// JPEG XL, with or without a container.
  public static let jpegXL = PictureFormat(kind: .jpegXL)
  /// JPEG 2000, with or without a container.
  public static let jpeg2000 = PictureFormat(kind: .jpeg2000)
  /// Icons and cursors of Windows.
  public static let ico = PictureFormat(kind: .ico)
  public static let psd = PictureFormat(kind: .psd)
  /// SVG in UTF-8, in UTF-16 with a byte order mark, or compressed by gzip (SVGZ).
  public static let svg = PictureFormat(kind: .svg)
  public static let pdf = PictureFormat(kind: .pdf)
  /// The form that Apple's tools give to the PNGs in an app. It has a chunk `CgBI` in front, and is not a PNG any more.
  public static let cgbi = PictureFormat(kind: .cgbi)
  /// Raw files of cameras that do not start like a TIFF, or that are marked as raw files: CR2, CR3, CRW, DNG, MRW,
  /// ORF, RAF, RW2, X3F.
  public static let cameraRaw = PictureFormat(kind: .cameraRaw)
  /// A video in a container of the MP4 family, QuickTime included.
  public static let mp4 = PictureFormat(kind: .mp4)
  /// A video in WebM or Matroska.
  public static let matroska = PictureFormat(kind: .matroska)
  public static let avi = PictureFormat(kind: .avi)
}

extension PictureFormat: CustomStringConvertible {
  public var description: String { kind.rawValue }
}

// SPDX-License-Identifier: Apache-2.0

/// Reads Netpbm without a library: it takes a few lines for each variant, and is the simplest format for tests and
/// pipes.
struct NetpbmCodec: PictureCodec {
  static let format = PictureFormat.netpbm
  static let holdsMetadata = false

  let limits: DecodingLimits
  private(set) var metadata: PictureMetadata
  private var reader = NetpbmHeaderReader()
  /// Nil until it has arrived whole.
  private var header: NetpbmHeader?

  init(limits: DecodingLimits, isProbing: Bool) {
    self.limits = limits
    metadata = PictureMetadata(format: .netpbm, limits: limits)
  }

  /// "P", a digit, and the white space or comment that must follow.
  static func match(_ lead: LeadingBytes) -> LeadingBytes.Match {
    lead.starts(with: "P") && lead.has(anyOf: 0x31...0x37, at: 1) && lead.has(anyOf: [9, 10, 13, 32, 35], at: 2)
  }

  mutating func walk(_ file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) {
    guard header == nil, let found = try unsafe reader.read(file, limits: limits, deadline: deadline) else { return }
    header = found
    metadata.byteCount = found.surplusByteCount
    metadata.reach(.pixels, headerByteCount: found.offset)
  }

  private func wholeHeader() throws(BitmapError) -> NetpbmHeader {
    guard let header else { throw .netpbm(.truncated, "it ends in its header") }
    return header
  }

  func inspect(
    _ header: UnsafeRawBufferPointer, endsAtSize: Bool, deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo {
    let header = try wholeHeader()
    var found = PictureInfo(
      format: .netpbm, width: header.width, height: header.height, pixelFormat: header.pixelFormat)
    found.embeddedByteCount = header.surplusByteCount
    // If the maximum does not divide 255, samples are rounded when they become 8 bits.
    if 255 % header.maximum != 0 { found.richestFormat = header.channels == 1 ? .gray16 : .rgba16 }
    return found
  }

  func checkByteCount(of file: UnsafeRawBufferPointer) throws(BitmapError) {
    let header = try wholeHeader()
    guard file.count - header.offset >= header.sampleByteCount else {
      throw .netpbm(
        .truncated,
        "\(header.sampleByteCount) bytes of samples are announced, and \(file.count - header.offset) there")
    }
  }

  /// `bitmap` has the header's own format, or the format with 16 bits in its place.
  func decode(
    _ file: UnsafeRawBufferPointer, denominator: Int, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning] {
    try unsafe checkByteCount(of: file)
    let header = try wholeHeader()
    var samples = unsafe NetpbmSamples(header, file, deadline)
    let isWide = bitmap.format.channel == .uint16
    var pace = WorkPace(deadline)
    try unsafe bitmap.withUnsafeMutableRows { rows throws(BitmapError) in
      for y in 0..<header.height {
        // A sample is parsed, which costs as much as about a dozen additions of samples.
        try pace.spend(header.width * header.channels * 16)
        if isWide {
          try unsafe samples.readWideRow(into: UnsafeMutableRawPointer(rows[y]))
        } else {
          try unsafe samples.readRow(into: rows[y])
        }
      }
    }
    return []
  }
}
